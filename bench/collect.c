/* Lets Python say what callgrind counts: toggle() begins, and toggle() ends. Built by instructions.py;
   the header comes with valgrind. Outside valgrind the request does nothing. */
#include <valgrind/callgrind.h>

void toggle(void) { CALLGRIND_TOGGLE_COLLECT; }
