/* SPDX-License-Identifier: Apache-2.0 */
/* Times as the API writes them, and ages as kubectl prints them. Calendar arithmetic of our own:
 * gmtime and timegm depend on the system's zone files and limits. */
#include "meta/time.h"

#include <stdio.h>

enum { SECOND = 1000000 };

static const int64_t MIN_SECONDS = -62167219200; /* year 0 */
static const int64_t MAX_SECONDS = 253402300799; /* the end of year 9999 */

struct civil {
    int year, month, day, hour, minute, second;
    int micros;
};

/* Days since 1970-01-01 in the proleptic Gregorian calendar; years begin in March here, so that the
 * leap day is a year's last. */
static int64_t days_from_civil(int year, int month, int day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static void civil_from_days(int64_t days, struct civil *ret)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    ret->day = (int)(doy - (153 * mp + 2) / 5 + 1);
    ret->month = (int)(mp < 10 ? mp + 3 : mp - 9);
    ret->year = (int)(yoe + era * 400 + (ret->month <= 2));
}

/* Out of range is clamped: every text has four digits of year. */
static struct civil civil_from_us(int64_t us)
{
    struct civil c = {0};
    int64_t seconds = us / SECOND - (us % SECOND < 0);
    c.micros = (int)(us % SECOND + (us % SECOND < 0 ? SECOND : 0));
    seconds = seconds < MIN_SECONDS ? MIN_SECONDS : seconds > MAX_SECONDS ? MAX_SECONDS : seconds;
    int64_t days = seconds / 86400 - (seconds % 86400 < 0);
    int rest = (int)(seconds - days * 86400);
    civil_from_days(days, &c);
    c.hour = rest / 3600;
    c.minute = rest / 60 % 60;
    c.second = rest % 60;
    return c;
}

static void put_digits(char *at, int value, int digits)
{
    while (digits-- > 0) {
        at[digits] = (char)('0' + value % 10);
        value /= 10;
    }
}

/* "2026-01-01T00:00:00", 19 bytes, no NUL. */
static void put_civil(char *buf, const struct civil *c)
{
    static const char form[] = "0000-00-00T00:00:00";
    for (int i = 0; i < 19; i++) {
        buf[i] = form[i];
    }
    put_digits(buf, c->year, 4);
    put_digits(buf + 5, c->month, 2);
    put_digits(buf + 8, c->day, 2);
    put_digits(buf + 11, c->hour, 2);
    put_digits(buf + 14, c->minute, 2);
    put_digits(buf + 17, c->second, 2);
}

void time_format(char buf[21], int64_t wall_us)
{
    struct civil c = civil_from_us(wall_us);
    put_civil(buf, &c);
    buf[19] = 'Z';
    buf[20] = '\0';
}

void time_format_micro(char buf[28], int64_t wall_us)
{
    struct civil c = civil_from_us(wall_us);
    put_civil(buf, &c);
    buf[19] = '.';
    put_digits(buf + 20, c.micros, 6);
    buf[26] = 'Z';
    buf[27] = '\0';
}

/* ---- reading ---- */

/* Exactly `digits` digits at *p, within [min, max]; steps over them. */
static bool take_number(const char **p, int digits, int min, int max, int *ret)
{
    int v = 0;
    for (int i = 0; i < digits; i++) {
        char c = **p;
        if (c < '0' || c > '9') {
            return false;
        }
        v = v * 10 + (c - '0');
        (*p)++;
    }
    *ret = v;
    return v >= min && v <= max;
}

static bool take_char(const char **p, char c)
{
    if (**p != c) {
        return false;
    }
    (*p)++;
    return true;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && leap);
}

/* ".123456789": any number of digits, kept to microseconds. */
static bool take_fraction(const char **p, int *ret_micros)
{
    int scale = SECOND;
    *ret_micros = 0;
    if (!take_char(p, '.')) {
        return true;
    }
    const char *first = *p;
    for (; **p >= '0' && **p <= '9'; (*p)++) {
        scale /= 10;
        *ret_micros += (**p - '0') * scale;
    }
    return *p > first;
}

/* "Z", "+02:00", "-05:30": seconds east of UTC. */
static bool take_offset(const char **p, int *ret_seconds)
{
    int hours = 0;
    int minutes = 0;
    *ret_seconds = 0;
    if (take_char(p, 'Z')) {
        return true;
    }
    int sign = **p == '-' ? -1 : 1;
    if ((!take_char(p, '+') && !take_char(p, '-')) || !take_number(p, 2, 0, 23, &hours) ||
        !take_char(p, ':') || !take_number(p, 2, 0, 59, &minutes)) {
        return false;
    }
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return true;
}

static bool take_civil(const char **p, struct civil *c)
{
    return take_number(p, 4, 0, 9999, &c->year) && take_char(p, '-') &&
           take_number(p, 2, 1, 12, &c->month) && take_char(p, '-') &&
           take_number(p, 2, 1, days_in_month(c->year, c->month), &c->day) && take_char(p, 'T') &&
           take_number(p, 2, 0, 23, &c->hour) && take_char(p, ':') &&
           take_number(p, 2, 0, 59, &c->minute) && take_char(p, ':') &&
           take_number(p, 2, 0, 59, &c->second) && take_fraction(p, &c->micros);
}

bool time_parse(const char *text, int64_t *ret_wall_us)
{
    struct civil c = {0};
    int offset = 0;
    const char *p = text;
    if (text == NULL || !take_civil(&p, &c) || !take_offset(&p, &offset) || *p != '\0') {
        return false;
    }
    int64_t seconds = days_from_civil(c.year, c.month, c.day) * 86400 + c.hour * 3600 +
                      c.minute * 60 + c.second - offset;
    *ret_wall_us = seconds * SECOND + c.micros;
    return true;
}

/* ---- ages ---- */

/* "3h5m", or "3h" when the smaller part is zero. */
static void print_two(char *buf, size_t size, int64_t big, char big_unit, int64_t small,
                      char small_unit)
{
    if (small == 0) {
        snprintf(buf, size, "%lld%c", (long long)big, big_unit);
    } else {
        snprintf(buf, size, "%lld%c%lld%c", (long long)big, big_unit, (long long)small, small_unit);
    }
}

void time_duration(char *buf, size_t size, int64_t us)
{
    int64_t seconds = us / SECOND;
    int64_t minutes = seconds / 60;
    int64_t hours = minutes / 60;
    int64_t days = hours / 24;
    if (seconds < -1) { /* clocks may differ by a second */
        snprintf(buf, size, "<invalid>");
    } else if (seconds < 0) {
        snprintf(buf, size, "0s");
    } else if (seconds < 120) {
        print_two(buf, size, seconds, 's', 0, 's');
    } else if (minutes < 10) {
        print_two(buf, size, minutes, 'm', seconds % 60, 's');
    } else if (minutes < 180) {
        print_two(buf, size, minutes, 'm', 0, 's');
    } else if (hours < 8) {
        print_two(buf, size, hours, 'h', minutes % 60, 'm');
    } else if (hours < 48) {
        print_two(buf, size, hours, 'h', 0, 'm');
    } else if (days < 8) {
        print_two(buf, size, days, 'd', hours % 24, 'h');
    } else if (days < 365 * 2) {
        print_two(buf, size, days, 'd', 0, 'h');
    } else if (days < 365 * 8) {
        print_two(buf, size, days / 365, 'y', days % 365, 'd');
    } else {
        print_two(buf, size, days / 365, 'y', 0, 'd');
    }
}

void time_age(char *buf, size_t size, const char *since, int64_t now_us)
{
    int64_t then = 0;
    if (!time_parse(since, &then)) {
        snprintf(buf, size, "<unknown>");
        return;
    }
    time_duration(buf, size, now_us - then);
}
