// A driver that is too old: it has nothing but its version.

int cuDriverGetVersion(int *version) {
    *version = 11040;
    return 0;
}
