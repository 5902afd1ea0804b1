/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/kafka_sasl.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

#define SALT       "a pinch of salt!"
#define ITERATIONS 4096

/* ---- PLAIN: "\0name\0password" ---- */

static bool plain(struct kafka_sasl *sasl, const struct kafka_account *account, const char *message,
                  size_t length, char *answer, size_t room)
{
        char text[256] = "";
        const char *name, *password;

        memcpy(text, message, length < sizeof text ? length : sizeof text - 1);
        name = text + strlen(text) + 1;
        password = name + strlen(name) + 1;
        sasl->proven = strcmp(name, account->username) == 0 && strcmp(password, account->password) == 0;
        snprintf(answer, room, "%s%s", sasl->proven ? "" : "nobody here has the password ",
                 sasl->proven ? "" : password);
        return sasl->proven;
}

/* ---- SCRAM ---- */

static bool scram_first(struct kafka_sasl *sasl, const char *message, char *answer, size_t room)
{
        const char *bare = strstr(message, "n="), *nonce = strstr(message, ",r=");

        if (strncmp(message, "n,,", 3) != 0 || !bare || !nonce)
                return false;
        snprintf(sasl->client_first, sizeof sasl->client_first, "%s", bare);
        snprintf(sasl->server_first, sizeof sasl->server_first, "r=%sbroker,s=", nonce + 3);
        EVP_EncodeBlock((unsigned char *)sasl->server_first + strlen(sasl->server_first),
                        (const unsigned char *)SALT, sizeof SALT - 1);
        snprintf(sasl->server_first + strlen(sasl->server_first), 16, ",i=%d", ITERATIONS);
        snprintf(answer, room, "%s", sasl->server_first);
        return true;
}

static void sign(const unsigned char *key, const char *text, unsigned char *ret_signature)
{
        HMAC(EVP_sha256(), key, SHA256_DIGEST_LENGTH, (const unsigned char *)text, strlen(text),
             ret_signature, NULL);
}

/* Whether the proof is that of someone who knows the password. */
static bool check_proof(const unsigned char *salted, const char *said, const char *base64)
{
        unsigned char client_key[SHA256_DIGEST_LENGTH], stored_key[SHA256_DIGEST_LENGTH],
                signature[SHA256_DIGEST_LENGTH], proof[64];

        if (strlen(base64) != 44 ||
            EVP_DecodeBlock(proof, (const unsigned char *)base64, 44) < SHA256_DIGEST_LENGTH)
                return false;
        sign(salted, "Client Key", client_key);
        SHA256(client_key, sizeof client_key, stored_key);
        sign(stored_key, said, signature);
        for (size_t i = 0; i < sizeof signature; i++)
                if ((signature[i] ^ client_key[i]) != proof[i])
                        return false;
        return true;
}

static bool scram_final(struct kafka_sasl *sasl, const struct kafka_account *account, const char *message,
                        char *answer, size_t room)
{
        unsigned char salted[SHA256_DIGEST_LENGTH], server_key[SHA256_DIGEST_LENGTH],
                signature[SHA256_DIGEST_LENGTH];
        const char *proof = strstr(message, ",p=");
        char said[1024], verifier[64] = "";

        if (!proof)
                return false;
        snprintf(said, sizeof said, "%s,%s,%.*s", sasl->client_first, sasl->server_first,
                 (int)(proof - message), message);
        PKCS5_PBKDF2_HMAC(account->password, (int)strlen(account->password), (const unsigned char *)SALT,
                          sizeof SALT - 1, ITERATIONS, EVP_sha256(), sizeof salted, salted);
        sasl->proven = check_proof(salted, said, proof + 3);
        sign(salted, "Server Key", server_key);
        sign(server_key, said, signature);
        EVP_EncodeBlock((unsigned char *)verifier, signature, sizeof signature);
        snprintf(answer, room, "v=%s", verifier);
        return sasl->proven;
}

bool kafka_sasl_step(struct kafka_sasl *sasl, const struct kafka_account *account, const char *message,
                     size_t length, char *answer, size_t room)
{
        char text[512];
        bool done;

        if (strcmp(account->mechanism, "PLAIN") == 0)
                return plain(sasl, account, message, length, answer, room);
        snprintf(text, sizeof text, "%.*s", (int)length, message);
        done = *sasl->server_first ? scram_final(sasl, account, text, answer, room)
                                   : scram_first(sasl, text, answer, room);
        if (!done)
                snprintf(answer, room,
                         "Authentication failed during authentication due to invalid credentials with SASL "
                         "mechanism SCRAM-SHA-256");
        return done;
}
