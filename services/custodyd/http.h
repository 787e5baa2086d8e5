/*
 * HTTP as the handlers see it: a request that has arrived whole, a reply to be sent, and the table of routes.
 *
 * Only server.c knows libmicrohttpd. A handler reads the request, fills the reply or answers a status, and never
 * touches a socket.
 */
#ifndef STRONGROOM_CUSTODYD_HTTP_H
#define STRONGROOM_CUSTODYD_HTTP_H

#include <jansson.h>

#include "audit/action.h"
#include "base/bytes.h"
#include "base/digest.h"
#include "base/id.h"
#include "base/signed.h"
#include "base/status.h"

#define HTTP_BODY_MAX 65536
#define HTTP_POLICY_PATH "/v1/policies"
#define HTTP_POLICY_MAX 524288 /* of a body to HTTP_POLICY_PATH alone: a policy is the largest document there is */
#define HTTP_PARAMETERS_MAX 2
#define HTTP_QUERY_MAX 32 /* parameters after the path */
#define HTTP_PARAMETER_SIZE 128
#define HTTP_TRAIL_CORRUPT_SIZE 1536
#define HTTP_TRAIL_HALTED_SIZE 256
#define HTTP_ALLOW_SIZE 64

struct service;
struct place;
struct gate_guest;

/* Roles of a bearer token, a set of bits. */
enum role {
    ROLE_NONE = 0,
    ROLE_REQUESTER = 1,
    ROLE_APPROVER = 2,
    ROLE_AUDITOR = 4,
    ROLE_OPERATOR = 8,
    ROLE_CUSTODIAN = 16,
    ROLE_AUTOMATED = 32, /* a program: reads, approves and rejects; it speaks for nobody else */
    ROLE_PEOPLE = ROLE_REQUESTER | ROLE_APPROVER | ROLE_AUDITOR | ROLE_OPERATOR | ROLE_CUSTODIAN,
};

/* Who calls: resolved from the bearer token before the handler runs; all zeros on routes without roles. */
struct caller {
    struct name person;
    unsigned roles;
    struct digest auth; /* SHA-256 of the token, as the trail names it */
};

struct http_request {
    const char *method;
    const char *path;
    const uint8_t *body;
    size_t body_len;
    char parameters[HTTP_PARAMETERS_MAX][HTTP_PARAMETER_SIZE]; /* what stood at the {} of the route, in order */
    struct caller caller;
    struct uuid correlation;
    void *connection;         /* for http_header and http_query */
    struct place *place;      /* of the connection, borrowed */
    bool only_urgent;         /* it came where nothing else is served */
    bool urgent;              /* what it may stop does not wait behind other requests */
    struct gate_guest *guest; /* out of http_dispatch: for gate_leave once the reply is sent */
};

/* A body that is produced piece by piece: `read` fills up to `max` bytes; 0 in *out_len ends it; a fault cuts the
 * connection. */
struct http_stream {
    enum status (*read)(void *context, char *out, size_t max, size_t *out_len, struct fault *fault);
    void (*free)(void *context);
    void *context;
};

struct http_reply {
    int status;                                  /* 200 unless set */
    const char *content_type;                    /* static; "application/json" unless set */
    struct bytes body;                           /* owned */
    struct http_stream stream;                   /* used instead of `body` when `read` is set; owned */
    json_t *explanation;                         /* owned; goes into the problem document when the handler fails */
    const char *cache_control;                   /* static; "no-store" unless set */
    bool close;                                  /* the connection ends with this reply */
    char trail_corrupt[HTTP_TRAIL_CORRUPT_SIZE]; /* trail_corrupt_format (question.h): a header, unless "" */
    char trail_halted[HTTP_TRAIL_HALTED_SIZE];   /* what, since when and where: a header, unless "" */
    char allow[HTTP_ALLOW_SIZE];                 /* a header unless "": then the failure is the method's, 405 */
    uint64_t results;                            /* of a read that is told: how many entries it gives */
};

/*
 * Serves one request. Answers STATUS_OK with the reply filled, or another status with the fault set; the router makes
 * the problem document.
 */
typedef enum status http_handler(struct service *service, const struct http_request *request, struct http_reply *reply,
                                 struct fault *fault);

struct http_route {
    const char *method;
    const char *pattern;      /* segments; {} stands for one parameter, {*} at the end for all that follows */
    unsigned roles;           /* any of these bits; ROLE_NONE: open to everybody */
    enum audit_action action; /* of an effect, or of a read that is told: what it is called in the trail; else none */
    const char *query;        /* names of the query parameters allowed, separated by spaces */
    http_handler *handler;
    bool urgent;       /* may stop something: has sessions and connections to the signers of its own */
    bool without_them; /* an effect that moves nothing, and is taken while witnesses are gone; urgent ones always are */
    bool told;         /* a read that is an entry of the trail, under a checkpoint, before it is answered */
};

/* The value of a header or query parameter, NULL when absent. Borrowed, valid during the handler. */
const char *http_header(const struct http_request *request, const char *name);
const char *http_query(const struct http_request *request, const char *name);

/*
 * Reads a query parameter that is a decimal integer of min..max; *inout keeps its value when the parameter is absent.
 * STATUS_INVALID naming it.
 */
MUST_CHECK enum status http_query_integer(int64_t *inout, const struct http_request *request, const char *name,
                                          int64_t min, int64_t max, struct fault *fault);

/* Visits every query parameter (`value` is NULL for one without "=") until the visitor answers false. */
void http_each_query(const struct http_request *request,
                     bool (*visit)(void *context, const char *key, const char *value), void *context);

/*
 * Parses the body as a JSON object under the rules of canonical documents, white space and order aside. STATUS_INVALID
 * with the rule when it is none. Out: one reference.
 */
MUST_CHECK enum status http_body_object(json_t **out, const struct http_request *request, struct fault *fault);

/*
 * The same for a signed document of at most `max` bytes, whose shape is read and nothing verified. Out: free with
 * signed_document_free.
 */
MUST_CHECK enum status http_body_signed(struct signed_document *out, const struct http_request *request, size_t max,
                                        struct fault *fault);

/* Makes `value` (one reference, transferred in every case) the body of the reply. */
MUST_CHECK enum status http_reply_json(struct http_reply *reply, int status, json_t *value, struct fault *fault);

/* Makes a copy of text the body of the reply. */
MUST_CHECK enum status http_reply_text(struct http_reply *reply, const char *content_type, const void *text,
                                       size_t len);

/* Frees what the reply owns. */
void http_reply_free(struct http_reply *reply);

/* Routes the request, runs the handler, turns a failure into a problem document (RFC 9457). Always fills the reply. */
void http_dispatch(struct service *service, struct http_request *request, struct http_reply *reply);

#endif
