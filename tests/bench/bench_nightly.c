/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * What a nightly job spends under the strategy `bayes`, over what it would at the least, when nights are not
 * alike: with the size of their input told and not told.
 *
 *   bench_nightly [SEEDS [KIND [FIRST]]]      KIND: only that one, from 0; -1: all. FIRST: seed, 1
 *
 * A run that is killed costs little, and would have to be run again: so what runs in time cost stands beside.
 */
#include <stdlib.h>

#include "tests/support/nightly.h"

#define NIGHTS 56
#define BEGIN  14 /* nights that are not counted in the second figure */

static const double alike[] = {1, 1, 1, 1, 1, 1, 1};
static const double weekend[] = {1, 1, 1, 1, 1, 0.2, 0.2};
static const double month_end[] = {0.4, 0.4, 0.4, 0.4, 1.6, 0.1, 0.1};

static const struct kind {
        const char *name;
        const double *week;
        double sd; /* of the log of data, beside */
} kinds[] = {{"all alike", alike, 0},
             {"less at weekends", weekend, 0},
             {"a large Friday", month_end, 0},
             {"up and down", alike, 0.25}};

struct sums {
        double spent, least, late_spent, late_least, kept_spent, kept_least;
        int broken, changes;
};

static void live(const struct kind *kind, bool told, uint64_t seed, struct sums *sums)
{
        struct nightly nightly;

        nightly_open(&nightly, "bench", "", seed);
        nightly.week = kind->week;
        nightly.data_sd = kind->sd;
        nightly.tells_input = told;
        for (int night = 0; night < NIGHTS; night++) {
                const struct run_observation *run = &nightly.newest.seen;
                double least, seconds, spent;
                bool broken;

                nightly_nights(&nightly, 1);
                least = nightly_least_of(nightly.newest.data);
                seconds = (double)(run->ended_ms - run->begun_ms) / MS_PER_SECOND;
                spent = nightly_cost(seconds, run->configuration.value[0], run->configuration.value[1]);
                broken = run->failed || seconds > NIGHTLY_DEADLINE;
                sums->broken += broken;
                sums->kept_spent += broken ? 0 : spent;
                sums->kept_least += broken ? 0 : least;
                sums->spent += spent;
                sums->least += least;
                sums->late_spent += night < BEGIN ? 0 : spent;
                sums->late_least += night < BEGIN ? 0 : least;
        }
        sums->changes += nightly.applies;
        nightly_stop(&nightly);
        nightly_close(&nightly);
}

int main(int count, char **words)
{
        int seeds = count > 1 ? atoi(words[1]) : 10, only = count > 2 ? atoi(words[2]) : -1;
        int first = count > 3 ? atoi(words[3]) : 1;

        for (size_t w = 0; w < ARRAY_LENGTH(kinds); w++)
                for (int told = 0; told < 2 && (only < 0 || only == (int)w); told++) {
                        struct sums sums = {0};

                        for (int seed = first; seed < first + seeds; seed++)
                                live(&kinds[w], told, (uint64_t)seed, &sums);
                        printf("%-17s %-14s %d nights: %.3f times the least; from night %d on: %.3f; runs in "
                               "time: %.3f; %.2f failed or late, %.1f changes a job\n",
                               kinds[w].name, told ? "input told" : "input not told", NIGHTS,
                               sums.spent / sums.least, BEGIN + 1, sums.late_spent / sums.late_least,
                               sums.kept_spent / sums.kept_least, (double)sums.broken / seeds,
                               (double)sums.changes / seeds);
                }
        return 0;
}
