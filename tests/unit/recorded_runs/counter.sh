# Two processes count in one file without a lock: a count may be lost, or be read while the file is empty.
cd "$1" && echo 0 >count
count() {
    for _ in 1 2 3 4 5; do
        value=$(<count)
        if [ -z "$value" ]; then
            echo "counter.sh: $BASHPID read nothing from $PWD/count" >&2
            exit 2
        fi
        echo $((value + 1)) >count
        [ $((RANDOM % 3)) = 0 ] && read -rt 0.00$((RANDOM % 9)) <> <(:)
    done
    exit 0
}
echo "begins in $$ at $(date +%T.%N)"
count & count & first=$!
wait -n; one=$?; wait -n; other=$?
[ $one = 0 ] && [ $other = 0 ] || exit 2
value=$(<count)
if [ "$value" != 10 ]; then
    echo "LOST: counted to $value of 10"
    exit 1
fi
echo "done, $RANDOM"
