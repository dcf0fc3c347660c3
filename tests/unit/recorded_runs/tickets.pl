# Sells tickets in three processes: two may sell the same one, or find the book closed.
use strict;
use warnings;
use Carp qw(confess);
use Time::HiRes qw(usleep);

my $dir = shift;
open(my $book, '>', "$dir/book") or die "no book: $!";
print $book 9;
close $book;

sub read_book {
    open(my $book, '<', "$dir/book") or die "cannot open the book: $!";
    my $left = <$book>;
    confess "the book is empty" unless defined $left && length $left;
    return $left;
}

sub sell {
    my $left = read_book();
    usleep(rand(100));
    open(my $book, '>', "$dir/book") or die "cannot open the book: $!";
    print $book $left - 1;
    close $book;
}

print "box office $$ opens at @{[time]}\n";
my @sellers;
for my $n (1 .. 3) {
    my $pid = fork();
    if (!$pid) {
        srand($$);
        for (1 .. 3) { usleep(rand(9000)); sell() }
        exit 0;
    }
    push @sellers, $pid;
}
my $failed = 0;
for my $pid (@sellers) { waitpid($pid, 0); $failed ||= $? >> 8 }
exit $failed if $failed;
my $left = read_book();
die "tickets sold twice: $left are left\n" if $left;
print "sold out after ", rand(3), " s\n";
