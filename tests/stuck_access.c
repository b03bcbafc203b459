/* Preloaded into a service where FUSE cannot be mounted: a read or write of a file in
 * $STUCK_FOLDER does not return while ".held-NAME" lies beside it. ".waiting-NAME" says so.
 * See tests/stuck_folder.py. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static void wait_while_held(int fd) {
    const char *folder = getenv("STUCK_FOLDER");
    char link[64], path[4096], held[4200], waiting[4200];
    if (!folder) return;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t size = readlink(link, path, sizeof path - 1);
    if (size <= 0) return;
    path[size] = 0;
    size_t prefix = strlen(folder);
    if (strncmp(path, folder, prefix) || path[prefix] != '/') return;
    const char *name = path + prefix + 1;
    snprintf(held, sizeof held, "%s/.held-%s", folder, name);
    snprintf(waiting, sizeof waiting, "%s/.waiting-%s", folder, name);
    if (access(held, F_OK)) return;
    close(open(waiting, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
    while (!access(held, F_OK)) {
        struct timespec nap = {0, 2000000};
        nanosleep(&nap, NULL);
    }
    unlink(waiting);
}

ssize_t read(int fd, void *data, size_t size) {
    wait_while_held(fd);
    return syscall(SYS_read, fd, data, size);
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
    wait_while_held(fd);
    return syscall(SYS_pwrite64, fd, data, size, offset);
}
