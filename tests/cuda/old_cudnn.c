// A cuDNN that is too old: version 8, which numbers itself otherwise.
#include <stddef.h>

size_t cudnnGetVersion(void) { return 8907; }
