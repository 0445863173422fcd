#include "mpi/job.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

static int told_errors = -1; /* standard error, while it is shut */

static void shut(FILE *out) {
    int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (nowhere < 0) return;
    dup2(nowhere, fileno(out));
    close(nowhere);
}

/* Cores that this rank may run on, over the ranks of its machine that may run on the same. */
static int share_of_cores(void) {
    MPI_Comm node;
    cpu_set_t own;
    int ranks, same = 0;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &node);
    MPI_Comm_size(node, &ranks);
    CPU_ZERO(&own);
    if (sched_getaffinity(0, sizeof own, &own) != 0) /* more cores than the set has room for */
        for (int i = 0; i < CPU_SETSIZE; i++) CPU_SET(i, &own);
    cpu_set_t *all = calloc((size_t)ranks, sizeof *all);
    if (!all) MPI_Abort(MPI_COMM_WORLD, EXIT_FAILED);
    MPI_Allgather(&own, sizeof own, MPI_BYTE, all, sizeof own, MPI_BYTE, node);
    for (int i = 0; i < ranks; i++) same += CPU_EQUAL(&own, all + i) != 0;
    free(all);
    MPI_Comm_free(&node);
    int share = CPU_COUNT(&own) / same;
    return share > 1 ? share : 1;
}

void job_begin(int *argc, char ***argv, job *out) {
    MPI_Init(argc, argv);
    MPI_Comm_rank(MPI_COMM_WORLD, &out->rank);
    MPI_Comm_size(MPI_COMM_WORLD, &out->size);
    out->threads = share_of_cores();
    if (out->rank == 0) return;
    told_errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    shut(stdout);
    shut(stderr);
}

static void speak(void) {
    if (told_errors < 0) return;
    fflush(stderr);
    dup2(told_errors, STDERR_FILENO);
    close(told_errors);
    told_errors = -1;
}

int job_agree(job *j, bool asks, int code) {
    int own = asks && code == EXIT_FINE ? 0 : 1, others;
    j->agreed = true;
    MPI_Allreduce(&own, &others, 1, MPI_INT, MPI_MAX, MPI_COMM_WORLD);
    speak();
    if (own || !others) return code;
    if (j->rank == 0) fprintf(stderr, "inlay: the ranks have different command lines, and not all can be answered\n");
    return EXIT_USAGE;
}

int job_end(const job *j, int code) {
    (void)j;
    MPI_Finalize();
    return code;
}

/* A failure as it travels. */
typedef struct told_failure {
    inlay_error error;
    char host[MPI_MAX_PROCESSOR_NAME];
} told_failure;

static void tell(const job *j, int who, bool all, const inlay_error *error) {
    told_failure *told = job_alloc(j, 1, sizeof *told);
    if (j->rank == who) {
        int length;
        told->error = *error;
        MPI_Get_processor_name(told->host, &length);
    }
    MPI_Bcast(told, sizeof *told, MPI_BYTE, who, MPI_COMM_WORLD);
    if (j->rank == 0 && !all) {
        char message[sizeof told->error.message];
        snprintf(message, sizeof message, "rank %d of %d (%.64s): %.900s", who, j->size, told->host,
                 told->error.message);
        memcpy(told->error.message, message, sizeof message);
    }
    if (j->rank == 0) report_error(&told->error);
    free(told);
}

bool job_failed(const job *j, inlay_status status, const inlay_error *error) {
    int own = (int)status, failed = 0, lowest = -1;
    int *every = job_alloc(j, (size_t)j->size, sizeof *every);
    MPI_Allgather(&own, 1, MPI_INT, every, 1, MPI_INT, MPI_COMM_WORLD);
    for (int i = j->size; i-- > 0;) {
        if (every[i] == INLAY_OK) continue;
        lowest = i;
        failed++;
    }
    free(every);
    if (failed) tell(j, lowest, failed == j->size, error);
    return failed > 0;
}

void *job_alloc(const job *j, size_t n, size_t size) {
    void *memory = calloc(n ? n : 1, size);
    if (memory) return memory;
    fprintf(stderr, "inlay: rank %d of %d: out of memory\n", j->rank, j->size);
    MPI_Abort(MPI_COMM_WORLD, EXIT_FAILED);
    return NULL;
}
