function __3am_candidates
    set -l found (@PROGRAM@ completion candidates -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)
    if test "$found[1]" = :files
        __fish_complete_path (commandline -ct)
    else
        printf '%s\n' $found
    end
end
complete -c 3am -f -k -a '(__3am_candidates)'
