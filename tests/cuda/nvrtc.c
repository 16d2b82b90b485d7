// A stand-in for NVRTC on machines without a GPU: its cubins are shared libraries for `driver.c`, which
// `cc` makes of the kernel texts and of `prelude.h`, the twin of the prelude for the device.
//
// `PRELUDE`, the path of `prelude.h`, is given when this is compiled. Indices beyond an array of known
// size end the kernel; with NNC_FAKE_OPTIONS the C compiler is given further options, separated by
// spaces.

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SUCCESS = 0, OUT_OF_MEMORY = 1, CREATION_FAILURE = 2, INVALID_INPUT = 3, INVALID_OPTION = 5, COMPILATION = 6 };

#define MOST_HEADERS 8
#define MOST_OPTIONS 64

typedef struct {
    char *text;
    size_t length;
} bytes;

typedef struct {
    char *source, *names[MOST_HEADERS], *headers[MOST_HEADERS];
    int header_count;
    bytes cubin, log;
} program;

int nvrtcVersion(int *major, int *minor) {
    // Not that of any NVRTC, so that nobody takes its cubins for real ones.
    *major = 13, *minor = 99;
    return SUCCESS;
}

int nvrtcCreateProgram(program **made, const char *source, const char *name, int header_count,
                       const char *const *headers, const char *const *names) {
    (void)name;
    if (header_count > MOST_HEADERS) return INVALID_INPUT;
    *made = calloc(1, sizeof **made);
    (*made)->source = strdup(source);
    (*made)->header_count = header_count;
    for (int i = 0; i < header_count; i++) {
        (*made)->names[i] = strdup(names[i]);
        (*made)->headers[i] = strdup(headers[i]);
    }
    return SUCCESS;
}

int nvrtcDestroyProgram(program **gone) {
    program *of = *gone;
    for (int i = 0; i < of->header_count; i++) free(of->names[i]), free(of->headers[i]);
    free(of->source), free(of->cubin.text), free(of->log.text), free(of);
    *gone = NULL;
    return SUCCESS;
}

static char *path_in(const char *folder, const char *name) {
    char *path;
    return asprintf(&path, "%s/%s", folder, name) < 0 ? NULL : path;
}

static int write_file(const char *folder, const char *name, const char *text) {
    char *path = path_in(folder, name);
    FILE *file = fopen(path, "w");
    free(path);
    if (file == NULL) return 0;
    int written = fputs(text, file) >= 0;
    return fclose(file) == 0 && written;
}

static bytes read_file(const char *folder, const char *name) {
    char *path = path_in(folder, name);
    FILE *file = fopen(path, "r");
    free(path);
    bytes read = {calloc(1, 1), 0};
    if (file == NULL) return read;
    fseek(file, 0, SEEK_END);
    size_t length = (size_t)ftell(file);
    rewind(file);
    read.text = realloc(read.text, length + 1);
    read.length = fread(read.text, 1, length, file);
    fclose(file);
    read.text[read.length] = 0;
    return read;
}

// The texts as files, but for the prelude, whose twin takes its place.
static int write_texts(const program *of, const char *folder) {
    int written = write_file(folder, "kernels.c", of->source);
    for (int i = 0; i < of->header_count; i++) {
        int is_prelude = strcmp(of->names[i], "prelude.cuh") == 0;
        written &= write_file(folder, of->names[i], is_prelude ? "#include \"" PRELUDE "\"\n" : of->headers[i]);
    }
    return written;
}

// Runs the C compiler in the folder; what it says goes to the file `log`.
static int run_compiler(const char *folder, const char *definition) {
    const char *options[MOST_OPTIONS] = {"cc", "-std=gnu11", "-O1", "-w", "-fPIC", "-shared", "-ffp-contract=off",
                                         "-fsanitize=bounds", "-fsanitize-undefined-trap-on-error", "-Wl,-Bsymbolic",
                                         definition, "-o", "kernels.so", "kernels.c", "-lm"};
    int count = 15;
    const char *further = getenv("NNC_FAKE_OPTIONS");
    char *copy = strdup(further ? further : "");
    for (char *each = strtok(copy, " "); each != NULL && count < MOST_OPTIONS - 1; each = strtok(NULL, " "))
        options[count++] = each;
    pid_t child = fork();
    if (child == 0) {
        if (chdir(folder) != 0 || dup2(open("log", O_WRONLY | O_CREAT, 0600), STDERR_FILENO) < 0) _exit(127);
        execvp(options[0], (char *const *)options);
        _exit(127);
    }
    int status = -1;
    while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    free(copy);
    return child > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void remove_folder(const program *of, const char *folder) {
    const char *names[] = {"kernels.c", "kernels.so", "log"};
    for (int i = 0; i < 3 + of->header_count; i++) {
        char *path = path_in(folder, i < 3 ? names[i] : of->names[i - 3]);
        unlink(path);
        free(path);
    }
    rmdir(folder);
}

// The options that the runtime gives; all others are unknown, as they would be to NVRTC if misspelt.
static int definition_of(int count, const char *const *options, char *definition, size_t length) {
    int architecture = 0;
    for (int i = 0; i < count; i++) {
        if (sscanf(options[i], "--gpu-architecture=sm_%d", &architecture) == 1) continue;
        if (strcmp(options[i], "--std=c++17") == 0) continue;
        if (strcmp(options[i], "--prec-div=false") == 0 || strcmp(options[i], "--prec-sqrt=false") == 0) continue;
        if (strncmp(options[i], "--define-macro=", 15) != 0) return 0;
        snprintf(definition, length, "-D%s", options[i] + 15);
    }
    return architecture >= 75 && architecture <= 121;
}

int nvrtcCompileProgram(program *of, int count, const char *const *options) {
    char definition[256] = "-DREAL=0", folder[512];
    if (!definition_of(count, options, definition, sizeof definition)) return INVALID_OPTION;
    const char *temporary = getenv("TMPDIR");
    snprintf(folder, sizeof folder, "%s/nnc-nvrtc-XXXXXX", temporary ? temporary : "/tmp");
    if (mkdtemp(folder) == NULL) return OUT_OF_MEMORY;
    int compiled = write_texts(of, folder) && run_compiler(folder, definition);
    of->log = read_file(folder, "log");
    of->cubin = read_file(folder, "kernels.so");
    remove_folder(of, folder);
    return compiled ? SUCCESS : COMPILATION;
}

int nvrtcGetCUBINSize(program *of, size_t *length) {
    *length = of->cubin.length;
    return SUCCESS;
}

int nvrtcGetCUBIN(program *of, char *to) {
    memcpy(to, of->cubin.text, of->cubin.length);
    return SUCCESS;
}

int nvrtcGetProgramLogSize(program *of, size_t *length) {
    *length = of->log.length + 1;
    return SUCCESS;
}

int nvrtcGetProgramLog(program *of, char *to) {
    memcpy(to, of->log.text ? of->log.text : "", of->log.length + 1);
    return SUCCESS;
}
