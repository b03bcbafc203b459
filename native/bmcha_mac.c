#include "bmcha_mac.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* The declarations of sodium.h, which need not be there to build. */
typedef int (*init_function)(void);
typedef int (*hash_function)(unsigned char *out, size_t out_size, const unsigned char *data,
                             unsigned long long data_size, const unsigned char *key,
                             size_t key_size);
typedef int (*compare_function)(const void *one, const void *other, size_t size);

/* 1.0.12 to 1.0.18, 1.0.19 and later; the names of these functions have not changed since 0.4.4. */
static const char *const names[] = {"libsodium.so.23", "libsodium.so.26", "libsodium.so"};

static hash_function hash;
static compare_function compare;

/* ISO C has no cast from data to function; POSIX promises that this works. */
static int find(void *library, const char *name, void *to)
{
    void *found = dlsym(library, name);

    memcpy(to, &found, sizeof found);
    return found != NULL;
}

int bmcha_mac_open(char *why, size_t why_size)
{
    void *library = NULL;
    init_function init;
    hash_function found_hash;
    compare_function found_compare;

    if (hash != NULL)
        return 0;
    for (size_t at = 0; library == NULL && at < sizeof names / sizeof names[0]; at++)
        library = dlopen(names[at], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) {
        (void)snprintf(why, why_size, "libsodium cannot be opened: %s", dlerror());
        return -1;
    }
    if (!find(library, "sodium_init", &init) ||
        !find(library, "crypto_generichash", &found_hash) ||
        !find(library, "sodium_memcmp", &found_compare)) {
        (void)snprintf(why, why_size, "libsodium lacks a function: %s", dlerror());
        return -1;
    }
    if (init() < 0) {
        (void)snprintf(why, why_size, "libsodium cannot be initialised: no source of randomness");
        return -1;
    }
    compare = found_compare;
    hash = found_hash;
    return 0;
}

int bmcha_mac(uint8_t *out, size_t out_size, const uint8_t *data, size_t data_size,
              const uint8_t key[BMCHA_KEY_BYTES])
{
    if (hash == NULL)
        return -1;
    return hash(out, out_size, data, data_size, key, BMCHA_KEY_BYTES);
}

int bmcha_mac_is_equal(const uint8_t *one, const uint8_t *other, size_t size)
{
    return compare != NULL && compare(one, other, size) == 0;
}
