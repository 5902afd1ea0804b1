/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/support/certificates.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/memory.h"

static FILE *open_pem(const struct scratch *scratch, const char *name, const char *ending, const char *how)
{
        autofree char *file = memory_format("%s.%s", name, ending);
        autofree char *path = scratch_path(scratch, file);
        FILE *pem = fopen(path, how);

        assert_non_null(pem);
        return pem;
}

static void add_extension(X509 *made, X509 *issuer, int kind, const char *value)
{
        X509_EXTENSION *extension;
        X509V3_CTX context;

        X509V3_set_ctx(&context, issuer, made, NULL, NULL, 0);
        extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
        assert_non_null(extension);
        assert_int_equal(X509_add_ext(made, extension, -1), 1);
        X509_EXTENSION_free(extension);
}

static void fill(X509 *made, EVP_PKEY *key, const struct certificate *certificate)
{
        static long serial = 1;
        X509_NAME *subject = X509_get_subject_name(made);

        X509_set_version(made, X509_VERSION_3);
        ASN1_INTEGER_set(X509_get_serialNumber(made), serial++);
        ASN1_TIME_set_string_X509(X509_getm_notBefore(made), "20200101000000Z");
        ASN1_TIME_set_string_X509(X509_getm_notAfter(made),
                                  certificate->expired ? "20200102000000Z" : "20990101000000Z");
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)certificate->subject,
                                   -1, -1, 0);
        X509_set_pubkey(made, key);
}

static void read_issuer(const struct scratch *scratch, const char *name, X509 **ret_issuer,
                        EVP_PKEY **ret_key)
{
        FILE *pem = open_pem(scratch, name, "crt", "r");

        *ret_issuer = PEM_read_X509(pem, NULL, NULL, NULL);
        fclose(pem);
        pem = open_pem(scratch, name, "key", "r");
        *ret_key = PEM_read_PrivateKey(pem, NULL, NULL, NULL);
        fclose(pem);
        assert_non_null(*ret_issuer);
        assert_non_null(*ret_key);
}

static void write_both(const struct scratch *scratch, const char *name, X509 *made, EVP_PKEY *key)
{
        FILE *pem = open_pem(scratch, name, "crt", "w");

        assert_int_equal(PEM_write_X509(pem, made), 1);
        fclose(pem);
        pem = open_pem(scratch, name, "key", "w");
        assert_int_equal(PEM_write_PrivateKey(pem, key, NULL, NULL, 0, NULL, NULL), 1);
        fclose(pem);
}

void certificate_make(const struct scratch *scratch, const char *name, const struct certificate *certificate)
{
        EVP_PKEY *key = EVP_EC_gen("P-256"), *issuer_key = key;
        X509 *made = X509_new(), *issuer = made;

        assert_non_null(key);
        fill(made, key, certificate);
        if (certificate->issuer)
                read_issuer(scratch, certificate->issuer, &issuer, &issuer_key);
        X509_set_issuer_name(made, X509_get_subject_name(issuer));
        add_extension(made, issuer, NID_basic_constraints,
                      certificate->issuer ? "CA:FALSE" : "critical,CA:TRUE");
        if (certificate->names)
                add_extension(made, issuer, NID_subject_alt_name, certificate->names);
        assert_true(X509_sign(made, issuer_key, EVP_sha256()) > 0);
        write_both(scratch, name, made, key);
        if (certificate->issuer) {
                X509_free(issuer);
                EVP_PKEY_free(issuer_key);
        }
        X509_free(made);
        EVP_PKEY_free(key);
}
