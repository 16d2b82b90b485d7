// What the fake driver does for fake libraries, whose work is done by the processor, too. A library is opened
// after the driver, and finds these there; without a driver they are null.
#pragma once

#include <stddef.h>

struct stream;

// What a library does when its turn comes, with the data that it gave.
typedef void library_work(const void *data);

// Does `work` in the order of a stream, or writes it down if the stream is being captured. The data are
// copied. Answers as a launch does.
__attribute__((weak)) int nnc_fake_give(struct stream *in, library_work *work, const void *data, size_t bytes);

// The code with which the `calls`-th call of a function is to fail by NNC_FAKE_FAIL; zero if it is not.
__attribute__((weak)) int nnc_fake_failure(const char *name, int calls);
