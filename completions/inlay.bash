# bash completion for inlay
_inlay() {
    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
    if [ "$COMP_CWORD" = 1 ]; then
        COMPREPLY=($(compgen -W "fuse help version" -- "$word"))
        return
    fi
    case "${COMP_WORDS[1]} $previous" in
    "fuse --metric") COMPREPLY=($(compgen -W "cosine dot l2" -- "$word")); return ;;
    "fuse --shards") COMPREPLY=($(compgen -W "auto reflink link move copy" -- "$word")); return ;;
    esac
    case "${COMP_WORDS[1]}" in
    fuse) [[ $word == -* ]] && COMPREPLY=($(compgen -W "--embeddings --output --metric --labels --ids --tag_set --signature --feature --input --graph-output --name --k --default --shards --chunk --as-listed --dim --dtype --allow-non-finite --threads --check --force --json" -- "$word")) ;;
    esac
}
complete -o default -F _inlay inlay
