/* Fails in three of ten runs, whatever the time: the kernel's random numbers decide. */
#include <stdio.h>
#include <sys/random.h>

int main(void)
{
    unsigned char byte;
    if (getrandom(&byte, 1, 0) != 1)
        return 2;
    if (byte < 77)
        puts("the dice say no");
    return byte < 77;
}
