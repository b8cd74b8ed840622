#include "message_passing.h"

#ifdef PAL_MPI
#include <mpi.h>

static MPI_Request exchange = MPI_REQUEST_NULL;

bool pal_mpi_is_built_in(void) { return true; }

const char *pal_mpi_error_text(int error) {
    static char text[MPI_MAX_ERROR_STRING];
    int length = 0;
    if (MPI_Error_string(error, text, &length) != MPI_SUCCESS) return "no text";
    return text;
}

int pal_mpi_join(int *rank, int *count, int *neighbours) {
    int given = 0;
    int error = MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &given);
    if (error != MPI_SUCCESS) return error;
    MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if ((error = MPI_Comm_rank(MPI_COMM_WORLD, rank)) != MPI_SUCCESS) return error;
    if ((error = MPI_Comm_size(MPI_COMM_WORLD, count)) != MPI_SUCCESS) return error;
    MPI_Comm machine;
    error = MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, *rank, MPI_INFO_NULL, &machine);
    if (error != MPI_SUCCESS) return error;
    error = MPI_Comm_size(machine, neighbours);
    MPI_Comm_free(&machine);
    return error;
}

int pal_mpi_gather_number(int number, int *all) {
    return MPI_Allgather(&number, 1, MPI_INT, all, 1, MPI_INT, MPI_COMM_WORLD);
}

int pal_mpi_gather_bytes(const void *own, int count, void *all, const int *counts, const int *starts) {
    return MPI_Allgatherv(own, count, MPI_BYTE, all, counts, starts, MPI_BYTE, MPI_COMM_WORLD);
}

int pal_mpi_gather_slices(float *whole, const int *counts, const int *starts) {
    return MPI_Allgatherv(MPI_IN_PLACE, 0, MPI_FLOAT, whole, counts, starts, MPI_FLOAT, MPI_COMM_WORLD);
}

int pal_mpi_collect_slices(const float *own, int count, float *whole, const int *counts, const int *starts) {
    return MPI_Gatherv(own, count, MPI_FLOAT, whole, counts, starts, MPI_FLOAT, 0, MPI_COMM_WORLD);
}

int pal_mpi_begin_exchange(const float *send, const int *counts, const int *starts, float *received,
                           const int *received_counts, const int *received_starts) {
    return MPI_Ialltoallv(send, counts, starts, MPI_FLOAT, received, received_counts, received_starts, MPI_FLOAT,
                          MPI_COMM_WORLD, &exchange);
}

int pal_mpi_end_exchange(void) { return MPI_Wait(&exchange, MPI_STATUS_IGNORE); }

void pal_mpi_leave(void) { MPI_Finalize(); }

void pal_mpi_abort(int code) { MPI_Abort(MPI_COMM_WORLD, code); }

#else

bool pal_mpi_is_built_in(void) { return false; }
const char *pal_mpi_error_text(int error) {
    (void)error;
    return "built without MPI";
}
int pal_mpi_join(int *rank, int *count, int *neighbours) {
    (void)rank, (void)count, (void)neighbours;
    return -1;
}
int pal_mpi_gather_number(int number, int *all) {
    (void)number, (void)all;
    return -1;
}
int pal_mpi_gather_bytes(const void *own, int count, void *all, const int *counts, const int *starts) {
    (void)own, (void)count, (void)all, (void)counts, (void)starts;
    return -1;
}
int pal_mpi_gather_slices(float *whole, const int *counts, const int *starts) {
    (void)whole, (void)counts, (void)starts;
    return -1;
}
int pal_mpi_collect_slices(const float *own, int count, float *whole, const int *counts, const int *starts) {
    (void)own, (void)count, (void)whole, (void)counts, (void)starts;
    return -1;
}
int pal_mpi_begin_exchange(const float *send, const int *counts, const int *starts, float *received,
                           const int *received_counts, const int *received_starts) {
    (void)send, (void)counts, (void)starts, (void)received, (void)received_counts, (void)received_starts;
    return -1;
}
int pal_mpi_end_exchange(void) { return -1; }
void pal_mpi_leave(void) {}
void pal_mpi_abort(int code) { (void)code; }
#endif
