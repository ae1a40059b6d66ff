// The search for the highest rate that keeps a promise: doubled until it is broken, then halved in
// between. Pure; any thread.
#pragma once

#include <stdbool.h>

enum { LOAD_SEARCH_STEPS_MAX = 40 };

struct load_search {
    double kept;   // highest rate that kept it, 0 while none did
    double broken; // lowest rate that broke it, 0 while none did
    double rate;   // to try next
    unsigned steps;
};

struct load_search load_search_begin(double rate);
// Takes what became of search->rate. False when the search is over: the two ends are within two
// percent of each other, or nothing down to one call a second keeps the promise.
bool load_search_go_on(struct load_search *search, bool kept);
