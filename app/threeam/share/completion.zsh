#compdef 3am
_3am() {
  local line value
  local -i width=0
  local -a found values shown in_lines
  found=("${(@f)$(@PROGRAM@ completion candidates -- "${(@Q)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ ${found[1]} == :files ]]; then
    _files
    return
  fi
  found=("${(@)found:#}")
  values=("${(@)found%%$'\t'*}")
  for value in "${(@)values}"; do
    (( $#value > width )) && width=$#value
  done
  for line in "${(@)found}"; do
    value=${line%%$'\t'*}
    if [[ $line == *$'\t'* ]]; then  # with its help, in a line of its own
      value="${(r:width:)value}  ${line#*$'\t'}"
      in_lines=(-l)
    fi
    shown+=("$value")
  done
  (( $#values )) && compadd $in_lines -d shown -a values
}
compdef _3am 3am
