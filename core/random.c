/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/random.h"

/* Finaliser of SplitMix64 (Steele et al., OOPSLA 2014): every input bit reaches every output bit. */
static uint64_t mix(uint64_t z)
{
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

gsl_rng *random_new(uint64_t seed, uint64_t run, uint64_t purpose)
{
        gsl_rng *rng = gsl_rng_alloc(gsl_rng_taus2);
        uint64_t key = mix(mix(mix(seed + 0x9e3779b97f4a7c15u) + run) + purpose);

        gsl_rng_set(rng, (unsigned long)(key & 0xffffffffu));
        return rng;
}
