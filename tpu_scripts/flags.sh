# shellcheck shell=bash disable=SC2154
# Sourced by the scripts beside it: flags into variables, errors of one line, --dry-run.

program=tpu_scripts/$(basename "$0")
dry_run=no
command=()

wrong() {
    echo "$program: $1 (--help shows the usage)" >&2
    exit 2
}

# read_flags "name= zone= spot" "$@": --name=X sets $name to X, --spot sets $spot to yes, what
# follows -- is put in the array $command. --dry-run and --help are known to every script.
read_flags() {
    local known=" $1 " flag
    shift
    while (($#)); do
        flag=${1%%=*}
        flag=${flag#--}
        case $1 in
            --help)
                sed -n '2,/^$/s/^# \{0,1\}//p' "$0"
                exit 0
                ;;
            --dry-run) dry_run=yes ;;
            --)
                shift
                command=("$@")
                return
                ;;
            --*=*)
                [[ $known == *" $flag= "* ]] || wrong "unknown flag --$flag=..."
                [[ -n ${1#*=} ]] || wrong "--$flag= needs a value"
                printf -v "$flag" %s "${1#*=}"
                ;;
            --*)
                [[ $known != *" $flag= "* ]] || wrong "--$flag needs a value: --$flag=..."
                [[ $known == *" $flag "* ]] || wrong "unknown flag --$flag"
                printf -v "$flag" yes
                ;;
            *) wrong "unexpected '$1'; flags are --name=value" ;;
        esac
        shift
    done
}

# require name zone: these variables must have been given.
require() {
    local flag
    for flag in "$@"; do
        [[ -n ${!flag} ]] || wrong "--$flag=... is missing"
    done
}

require_count() {
    [[ ${!1} =~ ^[1-9][0-9]*$ ]] || wrong "--$1=${!1} is not a whole number above 0"
}

# require_form FLAG PATTERN WHAT: the whole value of $FLAG, which becomes part of a command or of a
# file, must be of this form.
require_form() {
    local value=${!1}
    [[ $value =~ ^$2$ ]] || wrong "--$1=$(printf %q "$value") is no $3"
}

# require_cloud_names name zone: these variables must be such names as Google Cloud gives.
require_cloud_names() {
    local flag
    for flag in "$@"; do
        require_form "$flag" '[a-z]([-a-z0-9]{0,61}[a-z0-9])?' \
            "name of Google Cloud's: small letters, digits and -, a letter first, 63 at most"
    done
}

require_bucket() {
    [[ -z $bucket ]] || require_form bucket '[a-z0-9][-a-z0-9._]{1,220}[a-z0-9]' \
        "name of a bucket, which is given without gs://"
}

require_command() {
    ((${#command[@]})) || wrong "the command to run is missing: -- COMMAND..."
}

# Its arguments as a shell would take them again.
quoted() {
    local argument line=''
    for argument in "$@"; do
        if [[ ! $argument =~ ^[A-Za-z0-9_./:=@,+%-]+$ ]]; then
            argument="'${argument//\'/\'\\\'\'}'"
        fi
        line+=" $argument"
    done
    printf '%s\n' "${line# }"
}

# Its arguments into the array $masked, with *** for the values of flags and variables whose names
# speak of keys, tokens, secrets or passwords.
mask() {
    local argument name before=''
    masked=()
    for argument in "$@"; do
        name=${argument,,}
        if [[ $name =~ (key|token|secret|password)[a-z0-9_.-]*= ]]; then
            name=${name%%"${BASH_REMATCH[0]}"*}${BASH_REMATCH[0]}
            argument="${argument:0:${#name}}***"
        elif [[ $before =~ ^--?[a-z0-9_.-]*(key|token|secret|password)[a-z0-9_.-]*$ ]]; then
            [[ $argument == -* ]] || argument='***'
        fi
        masked+=("$argument")
        before=$name
    done
}

# A command as it is shown. Where it hands on $command for a shell elsewhere, that is quoted in it.
shown() {
    local whole inner place=0 argument
    whole=$(quoted "${command[@]}")
    mask "${command[@]}"
    inner=$(quoted "${masked[@]}")
    mask "$@"
    for argument in "$@"; do
        [[ $argument != --command=*"$whole" ]] || masked[place]=${argument%"$whole"}$inner
        place=$((place + 1))
    done
    quoted "${masked[@]}"
}

# Runs a command, or prints it with --dry-run.
run() {
    if [[ $dry_run == yes ]]; then
        shown "$@"
    else
        echo "+ $(shown "$@")" >&2
        "$@"
    fi
}

# The functions below act on the $name, $zone, $queued and $worker of the script that sources them.

# on_workers ssh|scp ARGUMENTS: on every worker of every slice, or on $worker alone.
on_workers() {
    local verb=$1
    shift
    if [[ $queued == yes ]]; then
        run gcloud compute tpus queued-resources "$verb" "$@" \
            --zone="$zone" --node=all --worker="${worker:-all}"
    else
        run gcloud compute tpus tpu-vm "$verb" "$@" --zone="$zone" --worker="${worker:-all}"
    fi
}

# READY is a TPU that is there, ACTIVE a queued resource that is.
state() {
    if [[ $queued == yes ]]; then
        run gcloud compute tpus queued-resources describe "$name" --zone="$zone" \
            "--format=value(state.state)"
    else
        run gcloud compute tpus tpu-vm describe "$name" --zone="$zone" "--format=value(state)"
    fi
}

# Sets $now to the state, or to NOT_FOUND where there is no such TPU. That it cannot be asked (no
# network, no permission, too many questions) says nothing of it: then asks again, less and less
# often, and after an hour fails.
look() {
    local said pause=30
    while ((pause <= 30 * 2 ** 6)); do
        # Its warnings are lines too; a state is a line of capitals.
        if said=$(state 2>&1) && [[ $'\n'$said$'\n' =~ $'\n'([A-Z_]+)$'\n' ]]; then
            now=${BASH_REMATCH[1]}
            return
        elif [[ $said == *NOT_FOUND* ]]; then
            now=NOT_FOUND
            return
        fi
        echo "$said" >&2
        echo "$program: cannot ask for the state of $name; again in $pause s" >&2
        sleep "$pause"
        pause=$((pause * 2))
    done
    echo "$program: gave up asking for the state of $name" >&2
    return 1
}

# There is none, or there will be none without a new one.
is_gone() { [[ $now =~ ^(NOT_FOUND|PREEMPTED|TERMINATED|FAILED|SUSPENDED)$ ]]; }
is_there() { [[ $now =~ ^(READY|ACTIVE)$ ]]; }

# Waits until it is there; fails, with a line, where it is gone or a week has passed.
arrive() {
    SECONDS=0
    while look; do
        ! is_there || return 0
        if is_gone; then
            echo "$program: $name is $now, and does not come any more; $(how_to_delete)" >&2
            return 1
        elif ((SECONDS > 7 * 24 * 3600)); then
            echo "$program: $name is still $now after a week; $(how_to_delete)" >&2
            return 1
        fi
        sleep 30
    done
    return 1
}

how_to_delete() {
    local place=(--name="$name" --zone="$zone")
    [[ $queued == no ]] || place+=(--queued)
    echo "this deletes it: tpu_scripts/delete.sh ${place[*]}"
}
