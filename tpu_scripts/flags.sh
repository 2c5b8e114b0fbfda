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

# Runs a command, or prints it with --dry-run.
run() {
    if [[ $dry_run == yes ]]; then
        quoted "$@"
    else
        echo "+ $(quoted "$@")" >&2
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
