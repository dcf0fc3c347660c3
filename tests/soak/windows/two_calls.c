/* Two processes make the folder of a store. Between the check and the mkdir(2) of one, the other may make it.
   The second starts a little later, so that it finds the folder nearly always. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int open_store(const char *path)
{
    struct stat status;
    if (stat(path, &status) == 0)
        return 0;
    return mkdir(path, 0700);
}

int main(void)
{
    char path[] = "/tmp/store-XXXXXX";
    int status, failed = 0;
    if (!mkdtemp(path) || rmdir(path) != 0)
        return 2;
    for (int i = 0; i < 2; i++) {
        if (i == 1)
            usleep(2000);
        if (fork() == 0)
            _exit(open_store(path) != 0);
    }
    for (int i = 0; i < 2; i++)
        if (wait(&status) > 0 && status != 0)
            failed = 1;
    rmdir(path);
    if (failed)
        puts("the store was made twice");
    return failed;
}
