#include "load/search.h"

static const double close_enough = 1.02, lowest = 1;

struct load_search load_search_begin(double rate)
{
    return (struct load_search){.rate = rate};
}

bool load_search_go_on(struct load_search *search, bool kept)
{
    search->steps++;
    if (kept && search->rate > search->kept)
        search->kept = search->rate;
    if (!kept && (search->broken == 0 || search->rate < search->broken))
        search->broken = search->rate;
    if (search->broken == 0)
        search->rate = search->kept * 2;
    else if (search->kept == 0)
        search->rate = search->broken / 2;
    else
        search->rate = (search->kept + search->broken) / 2;
    bool near =
        search->kept > 0 && search->broken > 0 && search->broken <= search->kept * close_enough;
    return !near && search->rate >= lowest && search->steps < LOAD_SEARCH_STEPS_MAX;
}
