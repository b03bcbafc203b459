/* Runs a fuzzer where there is no libFuzzer: every input of a corpus, then changed ones.
 *
 *   PROGRAM CORPUS [TIMES [SEED]]
 *
 * CORPUS has one input a line, in hexadecimal; lines that begin with # are words for readers. TIMES
 * inputs are made of them by a few blind changes (0). The same seed makes the same inputs; the one
 * that breaks something is the last line written to stderr when the program ends badly. It sees no
 * coverage: for a long search build with libFuzzer. */
#include <signal.h>
#include <unistd.h>

#include "fuzz.h"

#define INPUT_MAX 8192u
#define INPUTS_MAX 1024u
#define SECONDS_MAX 10u /* for one input; a thousand are made in one */

static struct {
    uint8_t bytes[INPUT_MAX];
    size_t size;
} corpus[INPUTS_MAX], now;
static size_t corpus_count;
static uint64_t state;

static size_t any(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? (size_t)(state >> 32) % below : 0;
}

static void tell_input(int signal_number)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < now.size; i++) {
        char pair[2] = {digits[now.bytes[i] >> 4], digits[now.bytes[i] & 15]};
        if (write(STDERR_FILENO, pair, sizeof pair) < 0)
            break;
    }
    if (write(STDERR_FILENO, "\n", 1) < 0 || signal_number)
        _exit(1);
}

static void tell_hang(int signal_number)
{
    static const char words[] = "no end within 10 s: rule 4 of native/SECURITY.md broken\n";

    if (write(STDERR_FILENO, words, sizeof words - 1) < 0)
        _exit(1);
    tell_input(signal_number);
}

/* 1 if the line had an input. Ends the program if it is none. */
static int parse_line(const char *line, const char *file, size_t number)
{
    size_t size = 0;

    if (line[0] == '#' || line[0] == '\n' || line[0] == '\0')
        return 0;
    for (; line[0] != '\n' && line[0] != '\0'; line += 2) {
        unsigned int byte;
        if (size == INPUT_MAX || line[1] == '\0' || sscanf(line, "%2x", &byte) != 1) {
            fprintf(stderr, "%s:%zu: at most %u bytes, two hexadecimal digits each\n", file,
                    number, INPUT_MAX);
            exit(2);
        }
        corpus[corpus_count].bytes[size++] = (uint8_t)byte;
    }
    corpus[corpus_count].size = size;
    return 1;
}

static void read_corpus(const char *file)
{
    static char line[2 * INPUT_MAX + 4];
    FILE *opened = fopen(file, "r");

    if (opened == NULL) {
        perror(file);
        exit(2);
    }
    for (size_t number = 1; fgets(line, sizeof line, opened) != NULL; number++)
        if (corpus_count < INPUTS_MAX)
            corpus_count += (size_t)parse_line(line, file, number);
    (void)fclose(opened);
    if (corpus_count == 0) {
        fprintf(stderr, "%s: there is no input in it\n", file);
        exit(2);
    }
}

/* Moves all behind `at` by `by`, as far as there is room; what is new is a repetition. */
static void insert(size_t at, size_t by)
{
    if (now.size + by > INPUT_MAX)
        return;
    memmove(now.bytes + at + by, now.bytes + at, now.size - at);
    now.size += by;
}

static void change(void)
{
    static const uint8_t telling[] = {0, 1, 2, 0x7F, 0x80, 0xFE, 0xFF};
    size_t at = any(now.size);
    size_t by = any(16) + 1;

    switch (any(7)) {
    case 0:
        now.bytes[at] ^= (uint8_t)(1u << any(8));
        break;
    case 1:
        now.bytes[at] = (uint8_t)any(256);
        break;
    case 2:
        now.bytes[at] = telling[any(sizeof telling)];
        break;
    case 3:
        insert(at, by);
        break;
    case 4:
        by = by < now.size - at ? by : now.size - at;
        memmove(now.bytes + at, now.bytes + at + by, now.size - at - by);
        now.size -= by;
        break;
    case 5:
        by = by < now.size - at ? by : now.size - at;
        memset(now.bytes + at, telling[any(sizeof telling)], by);
        break;
    default: { /* the end of another one behind the beginning of this one */
        size_t other = any(corpus_count);
        size_t from = any(corpus[other].size);
        size_t taken = corpus[other].size - from;
        taken = taken < INPUT_MAX - at ? taken : INPUT_MAX - at;
        memcpy(now.bytes + at, corpus[other].bytes + from, taken);
        now.size = at + taken;
    }
    }
    if (now.size == 0) {
        now.bytes[0] = 0;
        now.size = 1;
    }
}

static void try_input(void)
{
    (void)alarm(SECONDS_MAX);
    (void)LLVMFuzzerTestOneInput(now.bytes, now.size);
}

int main(int argc, char **argv)
{
    unsigned long times = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;

    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS [TIMES [SEED]]\n", argv[0]);
        return 2;
    }
    state = argc > 3 ? strtoul(argv[3], NULL, 10) : 1;
    state = state * UINT64_C(0x9E3779B97F4A7C15) | 1;
    read_corpus(argv[1]);
    /* Sanitizers end by it too, once their options say so (.ci/native.sh). */
    (void)signal(SIGABRT, tell_input);
    (void)signal(SIGALRM, tell_hang);
    for (size_t i = 0; i < corpus_count; i++) {
        now = corpus[i];
        try_input();
    }
    for (unsigned long i = 0; i < times; i++) {
        now = corpus[any(corpus_count)];
        for (size_t changes = any(5) + 1; changes > 0; changes--)
            change();
        try_input();
    }
    printf("ok %zu inputs, %lu changed ones\n", corpus_count, times);
    return 0;
}
