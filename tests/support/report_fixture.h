/* SPDX-License-Identifier: GPL-3.0-or-later */
#ifndef OPTCTL_TESTS_SUPPORT_REPORT_FIXTURE_H
#define OPTCTL_TESTS_SUPPORT_REPORT_FIXTURE_H

#include <jansson.h>

/*
 * Documents as large and as uneven as real ones: a week with a daily wave, eight strategies, hundreds of
 * changes, missing values. They are made up (a wave, a queue and a threshold), so nothing may be learned from
 * the numbers: they exist to be looked at. Texts hold what would break a careless page: <, &, quotes,
 * </script>.
 */
json_t *report_fixture_simulation(void);
json_t *report_fixture_backtest(void);
json_t *report_fixture_calibration(void);

#endif
