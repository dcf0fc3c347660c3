"""The kinds of secrets that `core.redact` replaces, as a table from which the tests and the manual are made.

The triggers are for RE2, which finds all of them in one pass, and has no lookaround. They include as much of the context
of a secret as possible: each match costs a step of Python, and most text has none.

All attempts together take time that is linear in the length of the text: what a pattern scans before it fails is bounded
by a constant, or ends before the next offset at which the same pattern is tried.
"""

from __future__ import annotations

from typing import NamedTuple

from threeam.core.redact.secret_names import FIELD_NAME, NAME_TRIGGERS, OPTION_NAME
from threeam.core.redact.secret_values import BLANK, COLOUR, VALUE, WORD


class SecretKind(NamedTuple):
    """One kind of secret.

    ``name``: its name in the manual. ``triggers``: for RE2; the patterns are tried at each match. Each trigger begins with
    two literal characters. Without triggers the patterns are tried at the beginning of each line. ``patterns``: the first
    one that matches counts. The group ``keep`` stays, the rest of the match is replaced. ``examples``: the text between «
    and » must be replaced, all else must stay. ``{20}`` means twenty letters and digits, so that no file of this project
    looks as if it had a key in it. ``counterexamples``: lines that must stay. ``case_sensitive``: of triggers and patterns.
    ``preceded_by``: what must precede a trigger: nothing or one character. ``name_tail``: for RE2, what follows a trigger
    to the end of a name of any length. The patterns match at the first trigger of the name or at none of them, so the
    search continues after its end.
    """

    name: str
    triggers: tuple[str, ...]
    patterns: tuple[str, ...]
    examples: tuple[str, ...]
    counterexamples: tuple[str, ...] = ()
    case_sensitive: bool = False
    preceded_by: str = ""
    name_tail: str = ""


_ASSIGNMENT = rf"(?:\\*+[\"'])?\]?{BLANK}(?:=>|:=|[?+]?={{1,3}}|:(?!:)){BLANK}"
# A name that ends in "_file" is not that of a secret. This is checked at the end of the name, which all triggers share.
_NOT_A_FILE_NAME = r"(?<![-_]file)(?<![-_]path)(?<![-_]dir)(?<![-_]stdin)"
_PASS_NAME = r"(?:(?<![a-z])|(?<=db)|(?<=user)|(?<=smtp)|(?<=mail)|(?<=root)|(?<=admin)|(?<=ftp)|(?<=ldap))pass\d{0,3}"
_OPTION_SEPARATOR = r"(?:[ \t]++|[\"'],\s{0,64})(?![-|<>&;])"  # an option and its value, also as two strings of a list
_SQL_STRING = r"(?:E|U&|N)?'(?:''|\\.|[^'\\\n])*+'?|\"[^\"\n]*+\"?|\$(?P<tag>\w{0,32})\$(?:(?!\$(?P=tag)\$)[^\n])*+(?:\$(?P=tag)\$)?"
_SQL_NESTED = r"(?:E|U&|N)?[\"']?\\++[\"'][^\n]*+"  # a string in a string: its end cannot be found
_SQL_PASSWORD = r"(?:passw(?:or)?d\s{1,64}|passw(?:or)?d\s{0,16}\(\s{0,16}|passw(?:or)?d\s{1,16}for\s{1,16}\S{1,128}\s{0,16}=\s{0,16})"
_SQL_BY = r"identified\s{1,16}(?:(?:via|with)\s{1,16}\w{1,64}\s{1,16}(?:using|as|by)|by)\s{1,16}(?:password\s{1,16})?"

# For RE2, which has no possessive repetition.
_WORD_EDGE = r"(?:\b|_)"
_OPTION_EDGE = r"[^\w-]"
_USER_ARGUMENT = r"(?:[ \t=]*[\"']?|[\"'],\s*[\"'])[^\s:\"'-]"
_AFTER_NAME = r"(?:\x1b\[[0-9;:]*m)*(?:\\*[\"'])?\]?[ \t]*(?:\x1b\[[0-9;:]*m)*[ \t]*"
_NAME_TAIL = rf"[\w-]*{_AFTER_NAME}(?:[?+]?=|:)"


def _tokens(*patterns: str) -> tuple[str, ...]:
    return (rf"(?<![A-Za-z0-9])(?:{'|'.join(patterns)})",)


SECRET_KINDS = (
    SecretKind(
        "the password in a URL",
        (r"://[^/\s:@'\"]*:(?:[^\d\s'\"]|\d{1,5}[^\d/?'\",;)\s]|\d{6})",),
        # The search for an @ ends at the next URL with a user.
        (
            r"(?P<keep>://[^/\s:@'\"]{0,256}:)(?!\d{1,5}(?:[/?'\",;)\s]|\Z))"
            r"(?=(?:[^\s'\"@:]|:(?!//[^/\s:@'\"]{0,256}:)){0,1024}+@)[^\s'\"]{1,1024}(?=@)",
        ),
        (
            "connect postgres://app:«hunter2»@db1:5432/shop",
            "postgres://app:«p@hunter2»@db1/shop",
            "redis://:«hunter2»@cache:6379",
            "https://bob:«hunter2»@h/ https://eve:«hunter2»@h/",
        ),
        ("https://db1:5432/shop?x=1", "mailto:a@b", "http://h:80/ a@b"),
    ),
    SecretKind(
        "what follows password, passwd, pwd, passphrase, secret, token, api, access, secret, private or account key and "
        "a = or :",
        NAME_TRIGGERS,
        (rf"(?P<keep>{FIELD_NAME}[\w-]*+{_NOT_A_FILE_NAME}{COLOUR}{_ASSIGNMENT}){VALUE}",),
        (
            "PASSWORD=«hunter2» ./run",
            "DB_PASSWORD=«ab,S3cr3t» ./run",
            "password:          «hunter2»",
            "password := «hunter2»",
            "password == «hunter2»",
            "PASSWORD ?= «hunter2»",
            "pwd => «hunter2»",
            "config['password'] = '«hunter2»'",
            '{"password": "«hunter2»", "user": "app"}',
            '{"client_secret" : "«with \\" hunter2»"}',
            r'body="{\"password\":\"«hunter2»\"}" next',
            'passwords: [«"a", "hunter2"»], user: x',
            "PASSWORDS=(«a hunter2») ./run",
            '"tokens": [«\n  "hunter2",\n  "hunter3"\n»],',
            "PASSWORD_OF_THE_REPLICATION_USER_OF_THE_SECOND_STANDBY_SERVER_IN_THE_OTHER_ROOM=«hunter2»",
            "db.passwd: '«hunter2 and more»'",
            'PASSWORD=«ab"c d"» ./run',
            "sh -c 'echo password=«hunter2»; exit 7'",
            "f(password=«hunter2»)",
            "Server=db1;Password=«hunter2»;User=app",
            "?access_token=«hunter2»&page=2",
            "api-key: «hunter2»; next",
            "AWS_SECRET_ACCESS_KEY=«hunter2»",
            "x-api-key: «hunter2»",
            "AccountKey=«hunter2==»;EndpointSuffix=core.windows.net",
            "\x1b[36mpassword\x1b[0m=\x1b[1m«hunter2»",
            "passphrase = «hunter2»",
        ),
        (
            "keyword: the token of the parser",
            "std::token::next, secret::get()",
            "Unexpected token: }",
            "password prompt appeared",
            "monkey=banana",
            "primary key: id",
            "PWD=/srv/app",
            "OLDPWD=/srv",
            "POSTGRES_PASSWORD_FILE=/run/secrets/db",
            "a secret to everybody",
        ),
        name_tail=_NAME_TAIL,
    ),
    SecretKind(
        "what follows PASS and a =",
        (rf"pass\d{{0,3}}{_AFTER_NAME}[?+:]?=",),
        (rf"(?P<keep>{_PASS_NAME}{COLOUR}(?:\\*+[\"'])?\]?{BLANK}(?:=>|:=|[?+]?={{1,3}}){BLANK}){VALUE}",),
        ("PASS=«hunter2» ./run", "DB_PASS=«hunter2»", "dbpass=«hunter2»"),
        ("pass: 12, fail: 3", "compass=north", "bypass=true", "passed=12"),
    ),
    SecretKind(
        "what follows _PASS, .pass or a quoted pass and a :",
        (rf"pass\d{{0,3}}{_AFTER_NAME}:",),
        (rf"(?P<keep>(?<=[_\-.\"']){_PASS_NAME}(?:\\*+[\"'])?{BLANK}:(?!:){BLANK}){VALUE}",),
        ("smtp_pass: «hunter2»", '{"pass": "«hunter2»"}'),
        ("PASS: test_reader", "--- PASS: TestReader (0.01s)"),
        preceded_by=r"[_\-.\"']",
    ),
    SecretKind(
        "the value of an option like --password or --token",
        (rf"--(?:[\w-]*[-_])?{OPTION_NAME}[ \t\"']",),
        (rf"(?P<keep>(?<![\w-])--(?:[\w-]{{0,64}}?[-_])?{OPTION_NAME}{_OPTION_SEPARATOR}){VALUE}",),
        (
            "curl --token «hunter2» https://h/",
            "psql --password '«a hunter2»' -h db1",
            "vault --client-secret «hunter2»",
            'execve("x", ["x", "--password", "«hunter2»", "y"])',
        ),
        ("login --password-stdin --user app", "x --token-file /run/t", "x --password --user app", "-- password reset"),
        preceded_by=_OPTION_EDGE,
    ),
    SecretKind(
        "the password in -u USER:PASSWORD",
        (rf"-u{_USER_ARGUMENT}", rf"--(?:proxy-)?user{_USER_ARGUMENT}"),
        (
            r"(?P<keep>(?<![\w-])(?:-u|--(?:proxy-)?user)[ \t=]*+\"[^\s:\"]{1,128}:)[^\"\n]++",
            r"(?P<keep>(?<![\w-])(?:-u|--(?:proxy-)?user)[ \t=]*+'[^\s:']{1,128}:)[^'\n]++",
            rf"(?P<keep>(?<![\w-])(?:-u|--(?:proxy-)?user)(?:[ \t=]*+|[\"'],\s{{0,64}}[\"'])(?!\d++:\d++(?!\S))"
            rf"[^\s:\"'=/]{{1,128}}:)(?!//){WORD}",
        ),
        ("curl -u app:«hunter2» https://h/", "curl -u 'app:«a hunter2»' https://h/", "curl --user app:«hunter2» x"),
        ("docker run -u 1000:1000 x", "gobuster -u http://h/", "sort -u a.txt"),
        preceded_by=_OPTION_EDGE,
    ),
    SecretKind(
        "a password in SQL",
        (
            r"passw(?:or)?d(?:\s+(?:E|U&|N)?['\"$\\]|\s*\(|\s+for\s)",
            r"identified\s+(?:by|via|with)\s",
        ),
        (
            rf"(?P<keep>{_SQL_PASSWORD}){_SQL_NESTED}",
            rf"(?P<keep>{_SQL_PASSWORD})(?:{_SQL_STRING})",
            rf"(?P<keep>{_SQL_BY})(?:{_SQL_NESTED}|{_SQL_STRING}|{WORD})",
        ),
        (
            "ALTER ROLE app PASSWORD '«it''s hunter2»' VALID UNTIL 'infinity'",
            "ALTER ROLE app PASSWORD «$$hunter2$$»;",
            "CREATE USER app IDENTIFIED BY '«hunter2»' WITH GRANT OPTION",
            "CREATE USER app IDENTIFIED VIA mysql_native_password USING '«hunter2»'",
            "SET PASSWORD FOR app = PASSWORD('«hunter2»')",
        ),
        ("SELECT password, name FROM users", "password and name"),
    ),
    SecretKind(
        "an Authorization or Cookie header",
        tuple(rf"{word}(?:\\*[\"'])?[ \t]*[:=]" for word in ("authorization", "cookie")),
        (
            r"(?P<keep>(?:(?<=\")|(?<=\"proxy-)|(?<=\"set-))(?:authorization|cookie)(?:\"[ \t]*+[:=][ \t]*+\"|[ \t]*+:[ \t]*+))"
            r"(?:\\.|[^\"\\\n])++",
            r"(?P<keep>(?:(?<=')|(?<='proxy-)|(?<='set-))(?:authorization|cookie)(?:'[ \t]*+[:=][ \t]*+'|[ \t]*+:[ \t]*+))"
            r"[^'\n]++",
            r"(?P<keep>(?:authorization|cookie)(?:\\*+[\"'])?[ \t]*+[:=][ \t]*+)[^\r\n]++",
        ),
        (
            "Authorization: «Bearer hunter2»",
            "proxy-authorization: «basic hunter2»",
            "< Set-Cookie: «session=hunter2; HttpOnly»",
            "curl -H 'Authorization: «Bearer hunter2»' https://h/",
            '{"authorization": "«Bearer hunter2»", "accept": "*/*"}',
        ),
        ("authorization failed", "a cookie is missing"),
        preceded_by=_WORD_EDGE,
    ),
    SecretKind(
        "a Bearer or Basic token",
        (r"Bearer[ \t]+[A-Za-z0-9+/._~-]{8}", r"Basic[ \t]+[A-Za-z0-9+/._~-]{8}"),
        # A word of a sentence has no digit, and no capital but its first letter.
        (r"(?P<keep>\b(?:Bearer|Basic)[ \t]++)(?=[A-Za-z0-9+/._~-]{1,4096}[0-9A-Z=])[A-Za-z0-9+/._~-]{8,}+=*+",),
        ("sent Basic «hunter2hunter2==»", "Bearer «{20}»"),
        ("Basic functionality works", "the bearer of bad news"),
        case_sensitive=True,
        preceded_by=_WORD_EDGE,
    ),
    SecretKind(
        "a line of .pgpass",
        (),
        (
            r"(?P<keep>(?![0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}:)[^\s:#]{1,253}+:(?:\d{1,5}|\*):"
            r"(?:\*|(?:[A-Za-z_][^\s:\\]{0,62}|\\.)):(?:\*|[A-Za-z_][^\s:\\]{0,62}):)[^\s:][^\n]*+",
        ),
        ("db1:5432:shop:app:«hunter2»", "*:*:*:app:«a hunter2»"),
        (
            "03:14:07:123: a line",
            "00:16:3e:5e:6c:00 dev eth0",
            "src/a.c:12:5: error: no",
            "2026-11-24T03:14:07.123Z x",
            "db1:5432: refused",
        ),
    ),
    SecretKind(
        "auth in Docker's and npm's configuration",
        (r"auth\"\s*:\s*\"", r"auth[ \t]*="),
        (
            r"(?P<keep>(?<=\")auth\"\s{0,64}:\s{0,64}\")[A-Za-z0-9+/=]{4,}+",
            r"(?P<keep>(?<=_)auth[ \t]*+=[ \t]*+\"?)[A-Za-z0-9+/=]{4,}+",
        ),
        ('"auth": "«aHVudGVyMg==»"', "//registry/:_auth=«aHVudGVyMg==»"),
        ('"auth": {}', "auth = none"),
        preceded_by=r"[\"_]",
    ),
    SecretKind(
        "keys and tokens of AWS and Google",
        (*(f"{prefix}[0-9A-Z]" for prefix in ("AKIA", "ASIA", "ABIA", "ACCA")), "AIza", r"ya29\.", "GOCSPX-"),
        _tokens(r"(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{16}", r"AIza[\w-]{35}", r"ya29\.[\w-]{20,}+", r"GOCSPX-[\w-]{20,}+"),
        ("using «AKIAIOSFODNN7EXAMPLE» now", "«AIza{35}»", "«ya29.{40}»", "«GOCSPX-{28}»"),
        ("AKIA is a prefix", "aizawa", "Asia/Tokyo"),
        case_sensitive=True,
        preceded_by=_WORD_EDGE,
    ),
    SecretKind(
        "client secrets of Azure, bot tokens of Telegram",
        (r"Q~[\w.~-]{8}", r":AA[\w-]{8}"),
        (r"(?P<keep>(?<=\d)Q~)[\w.~-]{31,40}", r"(?P<keep>(?<=\d):)AA[\w-]{33}"),
        ("abc8Q~«{34}»", "12345678:«AA{33}»"),
        ("fe80::aa:1", "q~"),
        case_sensitive=True,
        preceded_by=r"\d",
    ),
    SecretKind(
        "keys and tokens of GitHub, GitLab, npm, PyPI and Docker",
        (
            *("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "npm_", "pypi-", "dckr_pat_", "dckr_oat_"),
            *("glpat-", "gldt-", "glrt-", "glptt-", "glcbt-", "glft-", "gloas-", "glsoat-", "glagent-"),
        ),
        _tokens(
            r"gh[pousr]_[A-Za-z0-9]{20,}+",
            r"github_pat_\w{20,}+",
            r"gl(?:pat|dt|rt|ptt|cbt|ft|oas|soat|agent)-[\w.-]{16,}+",
            r"npm_[A-Za-z0-9]{30,}+",
            r"pypi-[\w-]{40,}+",
            r"dckr_[po]at_[\w-]{20,}+",
        ),
        (
            *("remote: «ghp_{36}» x", "«github_pat_{82}»", "«glpat-{20}»", "«glrt-{20}»", "«npm_{36}»", "«pypi-{60}»"),
            "«dckr_pat_{27}»",
        ),
        ("npm_config_cache", "pypi-mirror is down", "ghp_short"),
        case_sensitive=True,
        preceded_by=_WORD_EDGE,
    ),
    SecretKind(
        "keys and tokens of Slack, Stripe, Twilio, SendGrid and Shopify",
        (
            *("xox[abceoprs][.-]", "xapp-", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_"),
            *(r"SG\.[\w-]{8}", "SK[0-9a-f]{8}", "shp(?:at|ca|pa|ss)_"),
        ),
        _tokens(
            r"xox[abceoprs][.-][\w.-]{10,}+",
            r"xapp-[\w-]{10,}+",
            r"[rs]k_(?:live|test)_[A-Za-z0-9]{16,}+",
            r"whsec_[A-Za-z0-9+/=]{16,}+",
            r"SG\.[\w-]{16,32}\.[\w-]{16,64}",
            r"SK[0-9a-f]{32}(?![0-9a-f])",
            r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",
        ),
        (
            *("slack «xoxb-{12}-{24}»", "«xapp-1-{24}»", "stripe «sk_live_{24}» x", "«rk_live_{24}»", "«whsec_{32}»"),
            *("«SG.{22}.{43}»", "«SK01230123012301230123012301230123»"),
            "«shpat_01230123012301230123012301230123»",
        ),
        ("SKIP 3 tests", "SG. is short", "task-list", "xoxo"),
        case_sensitive=True,
        preceded_by=_WORD_EDGE,
    ),
    SecretKind(
        "keys and tokens of OpenAI, Anthropic, Hugging Face, DigitalOcean, Vault, Grafana, Databricks and others",
        (
            *(r"sk-[\w-]{8}", "hf_", "do[opr]_v1_", r"hv[sb]\.", "glsa_", "glc_", "dapi[0-9a-f]{8}", "NRAK-", "PMAK-"),
            *("lin_api_", "sntry[su]_", "pscale_", "ATATT3", "LTAI", "AGE-SECRET-KEY-1", "xai-", "gsk_", "r8_"),
        ),
        _tokens(
            r"sk-(?:ant-|proj-|svcacct-|admin-|or-v1-)?(?=[a-zA-Z_-]{0,256}+\d)[\w-]{20,}+",
            r"(?:hf|gsk|r8)_[A-Za-z0-9]{30,}+",
            r"do[opr]_v1_[0-9a-f]{64}",
            r"hv[sb]\.[\w-]{20,}+",
            r"gl(?:sa|c)_[\w+/=]{20,}+",
            r"dapi[0-9a-f]{32}(?:-\d)?",
            r"(?:NRAK|PMAK)-[A-Za-z0-9-]{20,}+",
            r"lin_api_[A-Za-z0-9]{30,}+",
            r"sntry[su]_[\w+/=]{20,}+",
            r"pscale_(?:tkn|pw|oauth)_[\w.=-]{20,}+",
            r"ATATT3[\w=-]{20,}+",
            r"LTAI[A-Za-z0-9]{16,30}",
            r"AGE-SECRET-KEY-1[0-9A-Z]{50,}+",
            r"xai-[A-Za-z0-9]{40,}+",
        ),
        (
            *(
                "«sk-{48}»",
                "«sk-proj-{40}»",
                "«sk-ant-api03-{40}»",
                "«hf_{34}»",
                "«gsk_{52}»",
                "«hvs.{24}»",
                "«glsa_{32}»",
            ),
            "«dop_v1_0123456701234567012345670123456701234567012345670123456701234567»",
            *("«dapi01230123012301230123012301230123»", "«NRAK-{27}»", "«lin_api_{40}»", "«ATATT3{40}»", "«LTAI{20}»"),
            *("«AGE-SECRET-KEY-101230123012301230123012301230123012301230123012301230123»", "«sntrys_{40}»"),
        ),
        ("sk-learn-contrib-and-other-packages", "task-1234567890123456789012", "hf_hub", "dapi is short"),
        case_sensitive=True,
        preceded_by=_WORD_EDGE,
    ),
    SecretKind(
        "a webhook of Slack, Discord, Teams or Telegram",
        (
            *(r"hooks\.slack\.com/", r"discord(?:app)?\.com/api/", r"office\.com/webhook"),
            r"api\.telegram\.org/bot",
        ),
        (
            r"(?P<keep>hooks\.slack\.com/(?:services|workflows|triggers)/)[^\s\"'<>)]++",
            r"(?P<keep>discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/\d{1,24}/)[^\s\"'<>)?]++",
            r"(?P<keep>office\.com/webhook(?:b2)?/)[^\s\"'<>)]++",
            r"(?P<keep>api\.telegram\.org/bot)[^\s\"'<>)/]++",
        ),
        (
            "https://hooks.slack.com/services/«T0/B0/{24}»",
            "https://discord.com/api/webhooks/123/«{60}» x",
            "https://x.webhook.office.com/webhookb2/«a@b/IncomingWebhook/c/d»",
        ),
        ("https://discord.com/api/v10/gateway",),
        preceded_by=_WORD_EDGE,
    ),
    SecretKind(
        "the signature of a signed URL",
        ("sig=", "signature="),
        (r"(?P<keep>(?:(?<=[?&;])|(?<=[?&]x-amz-)|(?<=[?&]x-goog-))(?:sig|signature)=)[^\s&\"'<>)]++",),
        ("https://a.blob.core.windows.net/c?sv=1&sig=«a%2Bb%3D»&se=2", "https://s3/x?X-Amz-Signature=«0123» x"),
        ("sig=11 in the trace", "signature=ok"),
        preceded_by=r"[?&;-]",
    ),
    SecretKind(
        "a JSON web token",
        (r"eyJ[\w-]{8}",),
        (r"(?<![\w-])eyJ[\w-]{8,}+\.[\w-]{8,}+\.[\w-]*+",),
        ("jwt «eyJ{20}.eyJ{20}.{30}» end",),
        ("eyJa.b",),
        case_sensitive=True,
        preceded_by=_OPTION_EDGE,
    ),
    SecretKind(
        "a PEM private key",
        ("-----BEGIN [A-Z0-9 ]*PRIVATE KEY",),
        (r"(?P<keep>-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----)(?:[^\n-]|-(?!----))++(?=-----END )",),
        (r"key: -----BEGIN RSA PRIVATE KEY-----«\nMIIEhunter2\n»-----END RSA PRIVATE KEY-----\n",),
        ("-----BEGIN PUBLIC KEY-----MFkwEwYH-----END PUBLIC KEY-----",),
        case_sensitive=True,
    ),
)
