/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_LIES_H
#define OPTCTL_TESTS_SUPPORT_LIES_H

/* What a lying peer makes of a true answer: JSON, or the text that Prometheus scrapes. */
enum lie {
        LIE_NONE,
        LIE_OTHER_TYPES, /* texts where numbers stood, numbers for texts, lists for objects of numbers */
        LIE_NULLS,       /* null in the place of every number and text */
        LIE_NAN,         /* "NaN" in the place of every number */
        LIE_INFINITE,
        LIE_HUGE, /* 1e308 */
        LIE_NEGATIVE,
        LIE_FRACTIONS,  /* 0.5 more */
        LIE_TRUNCATED,  /* the first half, as if that were all */
        LIE_NESTED,     /* 100,000 lists in one another */
        LIE_NOT_UTF8,   /* a byte that begins no character in every text */
        LIE_TWICE,      /* every key of an object twice, the second time null */
        LIE_OTHER_NAMES /* every key of an object, or metric, under another name */
};

/* Caller frees. LIE_NONE: a copy. */
char *lie_about(const char *answer, enum lie lie);

#endif
