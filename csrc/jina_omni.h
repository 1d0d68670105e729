// SPDX-License-Identifier: Apache-2.0
// The C boundary of jina_omni: everything Python may call.
//
// Contract of every function here
//   - Nothing a caller passes aborts the process or lets a C++ exception out: sizes, ids and files are checked first, and a
//     refusal comes back as a status other than OMNI_OK with its text in `error` (may be NULL).
//   - A NULL pointer is OMNI_INVALID_ARGUMENT where the function does not say that it may be NULL. A function without a status
//     then returns what it says for "none".
//   - Pointers stay the caller's; results are written into the caller's memory, which holds exactly what is documented.
//   - Handles may be shared by threads. A context computes for any number of callers: see "computing".
//   - A handle must outlive the calls that use it; freeing NULL does nothing.
//
// This header is also the input of the cffi definition: no macros but the guard, no conditional declarations.
#ifndef JINA_OMNI_H
#define JINA_OMNI_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum omni_status {
    OMNI_OK = 0,
    OMNI_LOAD_FAILED = 1,      // a file is missing, unreadable or refused, or was changed while it is mapped
    OMNI_INVALID_ARGUMENT = 2, // an argument is out of its documented range
    OMNI_OUT_OF_MEMORY = 3,
    OMNI_CANCELLED = 4, // *cancel became non-zero
    OMNI_FAILED = 5,    // a backend reported a failure, or a result is not finite
    OMNI_TOO_LARGE = 6, // an input is more than the device computes; the text is the rest of a sentence about it
} omni_status;

typedef struct omni_error {
    char text[2000]; // UTF-8, terminated; names the file, key, tensor or argument
} omni_error;

typedef struct omni_text      omni_text;      // a text model file: vocabulary and text tower
typedef struct omni_projector omni_projector; // a projector file: vision tower, audio tower or both
typedef struct omni_context   omni_context;   // a device, its threads, its compute memory and the calls that wait for it

// ---- log ----------------------------------------------------------------------------------------------------------------

// Takes the oldest native log line. Lines go to a bounded ring: the newest are kept, and none goes to stderr.
// level: 1 debug, 2 info, 3 warning, 4 error. Returns 0 when there is none, or no place for it.
int32_t omni_log_next(int32_t * level, char * text, size_t n_text);

// ---- devices ------------------------------------------------------------------------------------------------------------

typedef struct omni_device_info {
    char    name[64]; // as users write it: "cpu", "cuda:0", "metal", ...
    char    description[256];
    int32_t is_cpu;
    int32_t is_integrated;      // a GPU that shares the host's memory
    int32_t compute_capability; // of an NVIDIA GPU, 10 * major + minor; else 0
} omni_device_info;

// What was compiled in beside the CPU: "cpu" (nothing), "cuda", "metal" or "vulkan".
const char * omni_backend(void);

int32_t     omni_device_count(void);
omni_status omni_device_get(int32_t device, omni_device_info * info, omni_error * error);

// Bytes, 0 where unknown, as of a device that can't be started. Unlike omni_device_get this may start the device, which takes
// some of its memory.
omni_status omni_device_memory(int32_t device, int64_t * free, int64_t * total, omni_error * error);

// ---- text model file ----------------------------------------------------------------------------------------------------

typedef struct omni_text_info {
    char    architecture[32]; // as the file names it
    int32_t n_embd;           // hidden size
    int32_t n_layer;
    int32_t n_head;
    int32_t n_ctx; // longest sequence, in tokens
    int32_t n_vocab;
    int32_t causal;
    int32_t normalizes_to_nfc; // the reference's tokenizer normalises text to NFC first, which omni_text_tokenize leaves to you
    int32_t add_eos;           // the file asks for eos at the end of every sequence
    int32_t eos;               // token id, -1 where the file has none
    int64_t n_params;
    int64_t n_bytes; // of all tensors
} omni_text_info;

// path: UTF-8; of a split file, its first part. device: index of omni_device_get. in_memory: zero maps the file, which must then
// stay as it is: what computes with it fails with OMNI_LOAD_FAILED once it was changed, as far as that shows. Non-zero reads it
// into memory.
omni_status omni_text_load(const char * path, int32_t device, int32_t in_memory, omni_text ** text, omni_error * error);
void        omni_text_free(omni_text * text);
omni_status omni_text_get_info(const omni_text * text, omni_text_info * info, omni_error * error);

// Copies the string value of a metadata key, terminated and cut to n_value bytes. Returns its full length, -1 where there is
// no string of that name. value: may be NULL, to learn the length.
int64_t omni_text_metadata(const omni_text * text, const char * key, char * value, size_t n_value);

// Tokens of UTF-8 text, no beginning or end token added; the text of a special token becomes its id. Writes at most n_max
// ids and always sets *n_ids to the full count. utf8, ids: may be NULL where n_utf8, n_max are 0.
omni_status omni_text_tokenize(const omni_text * text, const char * utf8, size_t n_utf8, int32_t * ids, size_t n_max,
                               size_t * n_ids, omni_error * error);

// Id of the special token that is spelled exactly so, -1 where there is none.
int32_t omni_text_special_token(const omni_text * text, const char * spelling);

// ---- projector file -----------------------------------------------------------------------------------------------------

typedef struct omni_projector_info {
    int32_t has_vision;
    int32_t has_audio;
    int32_t n_embd_out;       // width of a media embedding, equal to the text tower's n_embd
    int32_t patch_size;       // pixels
    int32_t merge_size;       // patches per side that become one media embedding
    int64_t image_min_pixels; // 0 where the file does not say
    int64_t image_max_pixels;
    int64_t video_min_pixels;
    int64_t video_max_pixels;
    float   image_mean[3];
    float   image_std[3];
    int32_t n_mel;          // values of a mel frame
    int32_t n_window;       // half the frames of a chunk
    int32_t max_mel_frames; // of a clip
    int64_t n_params;       // of both towers
    int64_t n_bytes;
} omni_projector_info;

// As omni_text_load.
omni_status omni_projector_load(const char * path, int32_t device, int32_t in_memory, omni_projector ** projector,
                                omni_error * error);
void        omni_projector_free(omni_projector * projector);
omni_status omni_projector_get_info(const omni_projector * projector, omni_projector_info * info, omni_error * error);

// As omni_text_metadata.
int64_t omni_projector_metadata(const omni_projector * projector, const char * key, char * value, size_t n_value);

// ---- computing ----------------------------------------------------------------------------------------------------------

// Of a call. Interactive calls go before those of the background, also while these are computed, and leave them a tenth of the
// time at least. Within a priority the first to come is the first served; those behind it that want the same tower are computed
// with it, on which a vector does not depend on a CPU. A call that fails or is cancelled does not touch the others.
typedef enum omni_priority {
    OMNI_INTERACTIVE = 0,
    OMNI_BACKGROUND = 1,
} omni_priority;

// Instruction sets of the CPU that it computes with, the best first: NULL from their count on.
const char * omni_kernels_name(int32_t index);

// The linear products of an instruction set, the fastest first, by what they multiply: "int8", "int16", "float32", or on AMX
// "int8 tiles" and "16-bit tiles". NULL from their count on, and where there is no such instruction set.
const char * omni_product_name(int32_t kernels, int32_t product);

// What n_threads threads reach at most, each measured for about 0.1 s: the multiply-adds of such a product in a second, on
// registers alone; and the bytes that they read in a second from memory, of which this takes 256 MiB, or 32 MiB a thread.
omni_status omni_measure_product(int32_t kernels, int32_t product, int32_t n_threads, double * rate, omni_error * error);
omni_status omni_measure_memory(int32_t n_threads, double * rate, omni_error * error);

// exact: non-zero multiplies the dequantised weights in float32; zero lets the CPU round both sides to 8 or 14 bits, and the
// operands of attention to 16, which is faster. portable: non-zero takes ggml's operations on the CPU too; for tests.
// kernels: which of the instruction sets of omni_kernels_name to compute with on the CPU, 0 the best.
omni_status omni_context_init(int32_t device, int32_t n_threads, int32_t kernels, int32_t exact, int32_t portable,
                              omni_context ** context, omni_error * error);
void        omni_context_free(omni_context * context);

// Keeps the weights of linear layers in memory too, as the products of the context take them: with few rows these then compute
// faster. *n_bytes: the memory that this takes, about the size of the tensors; 0 where nothing is packed, as on an accelerator
// and with exact. Contexts with other kernels, or with exact, still read the file. Not while anything is computed with the file.
omni_status omni_text_pack(omni_text * text, omni_context * context, int64_t * n_bytes, omni_error * error);
omni_status omni_projector_pack(omni_projector * projector, omni_context * context, int64_t * n_bytes, omni_error * error);

// What the linear layers of a context have computed so far by our kernels: the multiply-adds with a product of its instruction
// set, and the bytes of their weights, each layer counted once for a forward pass. -1 where there is no such product or context.
int64_t omni_context_multiply_adds(const omni_context * context, int32_t product);
int64_t omni_context_weight_bytes(const omni_context * context);

// Vision tower. grids: (t, h, w) of each of n_grids inputs in patches, h and w multiples of merge_size. patches: for all
// inputs one after the other t * h * w rows of 3 * 2 * patch_size * patch_size floats (channel, frame of the pair, y, x),
// rows in the order (t, h / merge, w / merge, merge, merge), normalised. embeddings: for each input t * h * w / merge^2 media
// embeddings of n_embd_out floats. Patches attend within one t of one input. priority: an omni_priority. cancel: may be NULL;
// polled while waiting and computing, and once set it stays set.
omni_status omni_encode_patches(omni_context * context, const omni_projector * projector, const float * patches,
                                const int32_t * grids, int32_t n_grids, float * embeddings, int32_t priority,
                                const volatile int32_t * cancel, omni_error * error);

// Audio tower. lengths: mel frames of each of n_clips clips, 3 to max_mel_frames. frames: for all clips one after the other that
// many rows of n_mel floats. embeddings: for each clip omni_audio_token_count(lengths[i]) media embeddings of n_embd_out floats.
// Each chunk of 2 * n_window frames of a clip is convolved and attends by itself. cancel: may be NULL.
omni_status omni_encode_mel(omni_context * context, const omni_projector * projector, const float * frames,
                            const int32_t * lengths, int32_t n_clips, float * embeddings, int32_t priority,
                            const volatile int32_t * cancel, omni_error * error);

// Media tokens that a clip of n_frames mel frames takes, with every file.
int64_t omni_audio_token_count(int32_t n_frames);

// Text tower. n_seq sequences of lengths[i] tokens lie one after the other in tokens; a token of -1 takes the next of
// n_media_embeddings media embeddings of n_embd floats instead of an embedding of the vocabulary. pooled: n_seq rows of n_embd
// floats, the last token of each sequence after the final norm, not normalised to unit length. media_embeddings: may be NULL
// where n_media_embeddings is 0. cancel: may be NULL.
omni_status omni_encode_sequences(omni_context * context, const omni_text * text, const int32_t * tokens,
                                  const int32_t * lengths, int32_t n_seq, const float * media_embeddings,
                                  int64_t n_media_embeddings, float * pooled, int32_t priority, const volatile int32_t * cancel,
                                  omni_error * error);

#ifdef __cplusplus
}
#endif

#endif // JINA_OMNI_H
