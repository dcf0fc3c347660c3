# The line that `3am log TEXT` would write, or nothing if only 3am itself can tell.
# stdin: the end of the log, and then a line with a dot. The environment: what append.sh passes.
function look(line) {
  if (!match(line, /^\[[0-9-]+T[0-9:.]+[+-][0-9]+\] \[COFFEE: [0-9]+\]( \[[A-Z0-9]+: [^]]*\])*/)) return
  tags = substr(line, 1, RLENGTH)
  last_stamp = substr(line, 2, 34)
  if (!index(tags, own_by) || index(tags, "] [VIA: ")) return
  if (index(tags, "] [AT: ")) {  # a rotation repeats this line
    if (index(line, "] Carried: ")) own_stamp = ""
    return
  }
  own_stamp = index(tags, "[NIGHT: over]") ? "" : last_stamp
  split(tags, words, /[ \]]+/)
  cups = words[3]
}
function second_of_day(stamp) {
  return substr(stamp, 12, 2) * 3600 + substr(stamp, 15, 2) * 60 + substr(stamp, 18, 2)
}
BEGIN { own_by = "] [BY: " ENVIRON["_3AM_USER"] "@" }
NR > 1 { look(previous) }
{ previous = $0 }
END {
  if (NR < 2 || previous != ".") exit  # the last line of the log has no newline
  if (ENVIRON["_3AM_CHOICE"] != ENVIRON["SANITY_LOG"] "|" ENVIRON["SANITY_JOURNAL"] "|" ENVIRON["SANITY_LOCK"]) exit
  stamp = ENVIRON["_3AM_STAMP"]
  if (length(stamp) != 34 || substr(stamp, 30) != substr(last_stamp, 30)) exit  # another zone
  if (stamp "" <= last_stamp "") exit  # the clock was stepped back
  if (own_stamp == "" || substr(own_stamp, 1, 10) != substr(stamp, 1, 10)) exit
  if (substr(own_stamp, 30) != substr(stamp, 30)) exit
  awake = second_of_day(stamp) - second_of_day(own_stamp)
  if (awake < 0 || awake >= @NIGHT_GAP_S@) exit
  text = ENVIRON["_3AM_TEXT"]
  if (length(text) > 2000 || text ~ /^ *$/ || tolower(text) ~ /^(@NOTED_WORDS@):/) exit
  # Letters from Latin to Cyrillic, dashes and quotation marks, arrows, kana, and the ideographs up to U+9FFF.
  rest = text
  gsub(/[\303-\313][\200-\277]/, "", rest)
  gsub(/[\316\317\320-\323][\200-\277]/, "", rest)
  gsub(/\342\200[\223\224\230\231\234\235\246]/, "", rest)
  gsub(/\342\206[\220-\223]/, "", rest)
  gsub(/\343[\201-\203][\200-\277]/, "", rest)
  gsub(/[\344-\351][\200-\277][\200-\277]/, "", rest)
  if (rest ~ /[^ -~]/) exit  # what a terminal could obey, what cannot be seen, and what is not UTF-8
  if (text ~ /^\\*\[[A-Z0-9]+: [^]]*\]/) text = "\\" text  # it begins like a tag
  pane = ENVIRON["_3AM_PANE"] ~ /^%[0-9]+$/ ? ENVIRON["_3AM_PANE"] : ""
  print "[" stamp "] [COFFEE: " cups "] [BY: " ENVIRON["_3AM_BY"] pane "] " text
}
