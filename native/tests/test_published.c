/* A published record: whole or not at all, however fast it is replaced. */
#include <pthread.h>
#include <string.h>

#include "../bmcha_published.h"
#include "check.h"

#define WRITES 300000u

struct record {
    uint32_t words[BMCHA_PUBLISHED_WORDS_MAX];
};

static struct bmcha_published board;

static void *write_all(void *unused)
{
    struct record record;

    for (uint32_t number = 1; number <= WRITES; number++) {
        for (unsigned i = 0; i < BMCHA_PUBLISHED_WORDS_MAX; i++)
            record.words[i] = number;
        bmcha_published_write(&board, &record, sizeof record);
    }
    return unused;
}

static void *read_all(void *torn)
{
    struct record record = {{0}};
    uint32_t last = 0;

    while (last < WRITES) {
        if (!bmcha_published_read(&board, &record, sizeof record))
            continue;
        for (unsigned i = 1; i < BMCHA_PUBLISHED_WORDS_MAX; i++)
            if (record.words[i] != record.words[0])
                ++*(unsigned *)torn;
        if (record.words[0] < last)
            ++*(unsigned *)torn;
        last = record.words[0];
    }
    return NULL;
}

static void a_record_is_whole_and_never_goes_back(void)
{
    pthread_t writer, readers[2];
    unsigned torn[2] = {0, 0};

    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&readers[i], NULL, read_all, &torn[i]) == 0);
    CHECK(pthread_create(&writer, NULL, write_all, NULL) == 0);
    CHECK(pthread_join(writer, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        CHECK(pthread_join(readers[i], NULL) == 0);
        CHECK(torn[i] == 0);
    }
}

static void a_write_that_never_ends_leaves_the_reader_what_it_had(void)
{
    static struct bmcha_published stuck;
    uint32_t had = 4711;

    bmcha_published_write(&stuck, &(uint32_t){1}, sizeof had);
    stuck.lock++;
    CHECK(bmcha_published_read(&stuck, &had, sizeof had) == 0);
    CHECK(had == 4711);
}

int main(void)
{
    a_record_is_whole_and_never_goes_back();
    puts("ok a record is whole and never goes back");
    a_write_that_never_ends_leaves_the_reader_what_it_had();
    puts("ok a write that never ends leaves the reader what it had");
    return 0;
}
