/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/quantity.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/memory.h"

/* Longer than any number a person writes; keeps the copy on the stack. */
#define QUANTITY_MAX_LENGTH 64

static const struct {
        const char *suffix;
        double factor;
        bool divide; /* dividing by 1000 is exact where multiplying by 0.001 is not */
} suffixes[] = {
        {"", 1, false},        {"n", 1e9, true},      {"u", 1e6, true},      {"m", 1e3, true},
        {"k", 1e3, false},     {"M", 1e6, false},     {"G", 1e9, false},     {"T", 1e12, false},
        {"P", 1e15, false},    {"E", 1e18, false},    {"Ki", 0x1p10, false}, {"Mi", 0x1p20, false},
        {"Gi", 0x1p30, false}, {"Ti", 0x1p40, false}, {"Pi", 0x1p50, false}, {"Ei", 0x1p60, false},
};

/* Length of [+-]digits[.digits], 0 when there is no digit. */
static size_t number_length(const char *string)
{
        size_t sign = *string == '+' || *string == '-';
        size_t whole = strspn(string + sign, "0123456789");
        size_t length = sign + whole;
        size_t fraction = 0;

        if (string[length] == '.') {
                fraction = strspn(string + length + 1, "0123456789");
                length += 1 + fraction;
        }
        return whole + fraction > 0 ? length : 0;
}

/* "e3", "E-2": whole numbers only. */
static bool is_exponent(const char *suffix)
{
        if (*suffix != 'e' && *suffix != 'E')
                return false;
        suffix++;
        if (*suffix == '+' || *suffix == '-')
                suffix++;
        return *suffix && strspn(suffix, "0123456789") == strlen(suffix);
}

bool quantity_parse(const char *string, double *ret_value)
{
        char number[QUANTITY_MAX_LENGTH];
        size_t length = number_length(string);
        double value;

        if (length == 0 || strlen(string) >= sizeof number)
                return false;
        if (is_exponent(string + length))
                return text_to_double(string, ret_value);
        memcpy(number, string, length);
        number[length] = '\0';
        value = strtod(number, NULL);
        for (size_t i = 0; i < ARRAY_LENGTH(suffixes); i++) {
                if (strcmp(string + length, suffixes[i].suffix) != 0)
                        continue;
                value = suffixes[i].divide ? value / suffixes[i].factor : value * suffixes[i].factor;
                if (!isfinite(value))
                        return false;
                *ret_value = value;
                return true;
        }
        return false;
}

/* The number of units of 2^10k when that is whole, so that nothing is lost. */
static bool put_binary(struct text *out, double value)
{
        static const char *const names[] = {"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
        int best = -1;

        for (int i = 0; i < (int)ARRAY_LENGTH(names); i++)
                if (fmod(value, ldexp(1, 10 * (i + 1))) == 0)
                        best = i;
        if (value == 0 || best < 0)
                return false;
        text_format(out, "%.0f%s", value / ldexp(1, 10 * (best + 1)), names[best]);
        return true;
}

void quantity_put(struct text *out, double value)
{
        if (put_binary(out, value))
                return;
        if (value != 0 && fabs(value) < 1 && value * 1000 == round(value * 1000))
                text_format(out, "%.0fm", value * 1000);
        else
                text_format(out, "%.10g", value);
}

bool currency_known(const char *code)
{
        /* ISO 4217 list one, active national currencies. */
        static const char codes[] = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND "
                                    "BOB BRL BSD BTN BWP BYN BZD "
                                    "CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR "
                                    "FJD FKP GBP GEL GHS GIP GMD "
                                    "GNF GTQ GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS "
                                    "KHR KMF KPW KRW KWD KYD KZT "
                                    "LAK LBP LKR LRD LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN "
                                    "MYR MZN NAD NGN NIO NOK NPR "
                                    "NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG "
                                    "SEK SGD SHP SLE SOS SRD SSP "
                                    "STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH UGX USD UYU UZS "
                                    "VED VES VND VUV WST XAF XCD "
                                    "XCG XOF XPF YER ZAR ZMW ZWG";
        const char *found = strlen(code) == 3 && !strchr(code, ' ') ? strstr(codes, code) : NULL;

        return found && (found - codes) % 4 == 0;
}

/* ISO 4217 minor unit: digits behind the point. */
static int currency_digits(const char *currency)
{
        static const char none[] = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF";
        static const char three[] = "BHD IQD JOD KWD LYD OMR TND";

        if (strlen(currency) == 3 && strstr(none, currency))
                return 0;
        return strlen(currency) == 3 && strstr(three, currency) ? 3 : 2;
}

static const char *currency_sign(const char *currency)
{
        if (strcmp(currency, "USD") == 0)
                return "$";
        if (strcmp(currency, "EUR") == 0)
                return "€";
        return strcmp(currency, "GBP") == 0 ? "£" : currency;
}

void money_put(struct text *out, double amount, const char *currency)
{
        int digits = currency_digits(currency);
        double size = fabs(amount);

        text_format(out, "%s%s ", amount < 0 ? "-" : "", currency_sign(currency));
        if (size > 0 && size < 0.95 * pow(10, 1 - digits))
                text_format(out, "%.2g", size);
        else
                text_format(out, "%.*f", digits, size);
}

void duration_put(struct text *out, double seconds)
{
        static const struct {
                const char *name;
                double seconds;
        } units[] = {{"d", 86400}, {"h", 3600}, {"min", 60}};
        double size = fabs(seconds);

        if (size > 0 && size < 1) {
                text_format(out, "%.3g ms", seconds * 1000);
                return;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(units); i++) {
                double count = size / units[i].seconds;

                if (count >= 1 && (count == floor(count) || count >= 3)) {
                        text_format(out, "%.*g %s", count >= 1000 ? 10 : 3, seconds / units[i].seconds,
                                    units[i].name);
                        return;
                }
        }
        text_format(out, "%.3g s", seconds);
}

void rate_put(struct text *out, double per_second)
{
        static const char *const prefixes[] = {"", "k ", "M ", "G "};
        size_t i = 0;

        /* 999.5 and more would round to four digits: it takes the next prefix. */
        for (; i + 1 < ARRAY_LENGTH(prefixes) && fabs(per_second) >= 999.5; i++)
                per_second /= 1000;
        text_format(out, "%.3g %srec/s", per_second, prefixes[i]);
}
