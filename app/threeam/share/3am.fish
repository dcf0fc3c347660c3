function __3am_has_settings_file --description 'whether the settings file is as it was'
    set -l text ''
    set -l more ''
    @SAME_FILE@
end

function 3am --description 'the debugging journal'
    if test "$argv[1]" = log; and __3am_has_settings_file
        command sh -c @SCRIPT@ 3am $argv
    else if test -x @PROGRAM@
        @PROGRAM@ $argv
    else
        command 3am $argv
    end
end
