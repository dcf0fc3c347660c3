function 3am --description 'the debugging journal'
    if test "$argv[1]" = log
        command sh -c @SCRIPT@ 3am $argv
    else if test -x @PROGRAM@
        @PROGRAM@ $argv
    else
        command 3am $argv
    end
end
