// Memory, copies and modules of the fake driver. Part of `driver.c`.

int cuMemGetInfo_v2(size_t *free, size_t *total) {
    DEVICE_CALL(cuMemGetInfo);
    *total = memory();
    *free = *total - used;
    return SUCCESS;
}

int cuMemAlloc_v2(address *start, size_t bytes) {
    DEVICE_CALL(cuMemAlloc);
    NOT_IN_CAPTURE();
    if (bytes == 0) return INVALID_VALUE;
    if (bytes > memory() - used) return OUT_OF_MEMORY;
    char *made = allocate(&device_blocks, bytes);
    if (made == NULL) return OUT_OF_MEMORY;
    used += bytes;
    *start = (address)(size_t)made;
    return SUCCESS;
}

int cuMemFree_v2(address start) {
    DEVICE_CALL(cuMemFree);
    NOT_IN_CAPTURE();
    run_all();
    block *freed = block_of(device_blocks, (void *)(size_t)start, 0);
    if (freed == NULL) return INVALID_VALUE;
    used -= freed->bytes;
    return release(&device_blocks, (void *)(size_t)start);
}

int cuMemHostAlloc(void **start, size_t bytes, unsigned flags) {
    DEVICE_CALL(cuMemHostAlloc);
    NOT_IN_CAPTURE();
    if (bytes == 0 || flags != 0) return INVALID_VALUE;
    // Whole pages, as the driver's.
    *start = allocate(&pinned_blocks, (bytes + PAGE - 1) / PAGE * PAGE);
    return *start == NULL ? OUT_OF_MEMORY : SUCCESS;
}

int cuMemFreeHost(void *start) {
    DEVICE_CALL(cuMemFreeHost);
    NOT_IN_CAPTURE();
    run_all();
    return release(&pinned_blocks, start);
}

int cuMemsetD8Async(address to, unsigned char value, size_t bytes, stream *in) {
    DEVICE_CALL(cuMemsetD8Async);
    operation given = {.kind = FILL, .to = (char *)(size_t)to, .bytes = bytes, .arguments = {value}};
    if (block_of(device_blocks, given.to, bytes) == NULL) return INVALID_VALUE;
    give(in, &given);
    return SUCCESS;
}

int cuMemcpyHtoDAsync_v2(address to, const void *from, size_t bytes, stream *in) {
    DEVICE_CALL(cuMemcpyHtoDAsync);
    operation given = {.kind = COPY, .to = (char *)(size_t)to, .from = (char *)from, .bytes = bytes};
    if (block_of(device_blocks, given.to, bytes) == NULL) return INVALID_VALUE;
    int pinned = block_of(pinned_blocks, from, bytes) != NULL;
    if (!pinned) {
        NOT_IN_CAPTURE();
        given.staged = memcpy(malloc(bytes + 1), from, bytes);
    }
    give(in, &given);
    if (pinned && in->capture == NULL && setting("NNC_FAKE_EAGER", 0)) run(in, in->given);
    return SUCCESS;
}

int cuMemcpyDtoHAsync_v2(void *to, address from, size_t bytes, stream *in) {
    DEVICE_CALL(cuMemcpyDtoHAsync);
    operation given = {.kind = COPY, .to = to, .from = (char *)(size_t)from, .bytes = bytes};
    if (block_of(device_blocks, given.from, bytes) == NULL) return INVALID_VALUE;
    int pinned = block_of(pinned_blocks, to, bytes) != NULL;
    if (!pinned) NOT_IN_CAPTURE();
    give(in, &given);
    if (!pinned) run(in, in->given);
    return lost;
}

// The length of a shared library, whose table of sections is its end; zero if it is none.
static size_t length_of(const Elf64_Ehdr *image) {
    if (memcmp(image->e_ident, ELFMAG, SELFMAG) != 0 || image->e_type != ET_DYN) return 0;
    return image->e_shoff + (size_t)image->e_shentsize * image->e_shnum;
}

static void *open_image(const void *image, size_t length) {
    char path[512];
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/nnc-module-XXXXXX", folder ? folder : "/tmp");
    int file = mkstemp(path);
    if (file < 0) return NULL;
    void *library = NULL;
    if (write(file, image, length) == (ssize_t)length) library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    close(file);
    unlink(path);
    return library;
}

int cuModuleLoadData(module **loaded, const void *image) {
    DEVICE_CALL(cuModuleLoadData);
    NOT_IN_CAPTURE();
    size_t length = length_of(image);
    void *library = length ? open_image(image, length) : NULL;
    if (library == NULL) return INVALID_IMAGE;
    *loaded = malloc(sizeof **loaded);
    **loaded = (module){.library = library, .launch = (launcher *)dlsym(library, "nnc_launch")};
    return (*loaded)->launch == NULL ? INVALID_IMAGE : SUCCESS;
}

int cuModuleUnload(module *loaded) {
    DEVICE_CALL(cuModuleUnload);
    NOT_IN_CAPTURE();
    run_all();
    dlclose(loaded->library);
    free(loaded);
    return SUCCESS;
}

int cuModuleGetFunction(function **found, module *in, const char *name) {
    DEVICE_CALL(cuModuleGetFunction);
    char text[512];
    snprintf(text, sizeof text, "%s_parameters", name);
    const int *parameters = dlsym(in->library, text);
    snprintf(text, sizeof text, "%s_threads", name);
    const int *threads = dlsym(in->library, text);
    void (*kernel)(void) = (void (*)(void))dlsym(in->library, name);
    if (parameters == NULL || threads == NULL || kernel == NULL) return NOT_FOUND;
    *found = malloc(sizeof **found);
    **found = (function){strdup(name), in->launch, kernel, *parameters, *threads, COMMON_SHARED};
    return SUCCESS;
}

int cuFuncGetParamInfo(function *of, size_t index, size_t *offset, size_t *bytes) {
    DEVICE_CALL(cuFuncGetParamInfo);
    if (index >= (size_t)of->parameters) return INVALID_VALUE;
    *offset = index * sizeof(word);
    *bytes = sizeof(word);
    return SUCCESS;
}

int cuFuncSetAttribute(function *of, int attribute, int value) {
    DEVICE_CALL(cuFuncSetAttribute);
    // 8 is MAX_DYNAMIC_SHARED_SIZE_BYTES
    if (attribute != 8 || value < 0 || value > MOST_SHARED) return INVALID_VALUE;
    of->shared = value;
    return SUCCESS;
}
