# bash completion for inlay
_inlay() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "fuse index defuse query encode show ops run bench tensors export rename drop swap cast rows convert merge compose signature verify explain repair help version" -- "$word"))
        return
    fi
    case "${COMP_WORDS[1]} $previous" in
    "fuse --metric") COMPREPLY=($(compgen -W "cosine dot l2" -- "$word")); return ;;
    "fuse --shards") COMPREPLY=($(compgen -W "auto reflink link move copy" -- "$word")); return ;;
    "defuse --shards") COMPREPLY=($(compgen -W "auto reflink hard move copy" -- "$word")); return ;;
    "cast --to") COMPREPLY=($(compgen -W "float16 bfloat16" -- "$word")); return ;;
    esac
    case "${COMP_WORDS[1]}" in
    fuse) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--embeddings --out --metric --labels --ids --tag_set --signature --feature --input --output --name --k --with --default --shards --index --chunk --as-listed --dim --dtype --allow-non-finite --threads --check --force --json" -- "$word")) ;;
    index) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--name --remove --threads --out --dry-run --json" -- "$word")) ;;
    defuse) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --name --shards --json" -- "$word")) ;;
    query) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--text --inputs --similar --lookup --k --rows --rows-file --exclude --exclude-file --min-score --all --vectors --signature --tag_set --verbose --repeat --threads --lock-index --json" -- "$word")) ;;
    encode) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--lines --inputs --output --signature --feature --batch --rows-per-shard --threads --json" -- "$word")) ;;
    show) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--signature --optimized --tag_set --json" -- "$word")) ;;
    ops) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--signature_def --missing --tag_set --json" -- "$word")) ;;
    run) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--signature_def --inputs --fetch --checkpoint --tag_set --threads --timeout --profile --trace --outdir --overwrite --repeat" -- "$word")) ;;
    bench) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--signature_def --inputs --fetch --checkpoint --tag_set --threads --timeout --profile --trace --runs --seconds --json" -- "$word")) ;;
    tensors) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--stats --json --threads" -- "$word")) ;;
    export) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --force --json" -- "$word")) ;;
    rename) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --dry-run --json" -- "$word")) ;;
    drop) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --dry-run --json" -- "$word")) ;;
    swap) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --dry-run --json" -- "$word")) ;;
    cast) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--to --out --dry-run --json" -- "$word")) ;;
    rows) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--set --append --labels --ids --delete --tombstone --name --allow-non-finite --out --dry-run --json" -- "$word")) ;;
    convert) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --shards --whole --slices --compact --text --binary --lossy --force --json" -- "$word")) ;;
    merge) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --first-wins --force --json" -- "$word")) ;;
    compose) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--out --map --first-signature --second-signature --force --json" -- "$word")) ;;
    signature) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--rename --remove --add --default --tags --tag-set --out --dry-run --json" -- "$word")) ;;
    verify) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--fast --json --quiet --threads" -- "$word")) ;;
    explain) [[ $word == -* ]] && COMPREPLY=($(compgen -W "" -- "$word")) ;;
    repair) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--yes --salvage --out --force --json --threads" -- "$word")) ;;
    esac
}
complete -o default -F _inlay inlay
