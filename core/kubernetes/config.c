/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "core/kubernetes/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/secret_memory.h"
#include "core/yaml.h"

#define SERVICE_ACCOUNT "/var/run/secrets/kubernetes.io/serviceaccount"
#define MAX_FILES       16
#define MAX_NAME_BYTES  1024

void kube_config_free(struct kube_config *config)
{
        if (!config)
                return;
        free(config->server);
        free(config->namespace);
        free(config->shown);
        free(config->ca_file);
        free(config->ca_pem);
        free(config->certificate_file);
        free(config->certificate_pem);
        free(config->key_file);
        if (config->key_pem)
                secret_memory_free(config->key_pem, strlen(config->key_pem) + 1);
        free(config->token_file);
        secret_free(config->token);
        kube_plugin_free(config->plugin);
        free(config->server_name);
        free(config->proxy);
        free(config);
}

/* ---- Base64 (RFC 4648, section 4) ---- */

static int sextet(char letter)
{
        static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const char *at = letter ? strchr(letters, letter) : NULL;

        return at ? (int)(at - letters) : -1;
}

/* NUL-ended; `out` has room for 3/4 of the text and one byte more. False: not Base64, or a NUL is in it. */
static bool base64_decode(const char *text, char *out)
{
        unsigned bits = 0;
        int held = 0;
        size_t count = 0;

        for (; *text && *text != '='; text++) {
                int value = sextet(*text);

                if (strchr("\r\n \t", *text))
                        continue;
                if (value < 0)
                        return false;
                bits = (bits << 6 | (unsigned)value) & 0xffffff;
                held += 6;
                count++;
                if (held >= 8) {
                        held -= 8;
                        *out = (char)(bits >> held & 0xff);
                        if (*out++ == '\0')
                                return false;
                }
        }
        *out = '\0';
        return count % 4 != 1 && strspn(text, "=\r\n \t") == strlen(text);
}

/* ---- entries of a kubeconfig ---- */

struct files {
        size_t count;
        struct yaml_document *documents[MAX_FILES];
};

static void files_close(struct files *files)
{
        for (size_t i = 0; i < files->count; i++)
                yaml_document_free(files->documents[i]);
}

static bool files_read(struct files *files, const char *paths, struct error *err)
{
        autofree char *copy = memory_copy_text(paths);
        char *left = copy, *path;

        while ((path = strsep(&left, ":"))) {
                if (!*path)
                        continue;
                if (files->count == MAX_FILES)
                        return error_set(err, ERROR_INPUT, NULL, "more than %d kubeconfig files", MAX_FILES);
                if (!yaml_read_file(path, &files->documents[files->count], err))
                        return error_wrap(err, "kubeconfig");
                files->count++;
        }
        return files->count > 0 || error_set(err, ERROR_INPUT, NULL, "no kubeconfig file is named");
}

/* The text under a key, or NULL. False: it is no text. */
static bool get_text(const struct yaml_node *map, const char *key, const char **ret_text, struct error *err)
{
        const struct yaml_node *node = map ? yaml_get(map, key) : NULL;

        *ret_text = NULL;
        if (!node || node->null)
                return true;
        if (node->kind != YAML_SCALAR)
                return yaml_error(node, err, "expected a text");
        if (*node->scalar)
                *ret_text = node->scalar;
        return true;
}

static bool copy_text(const struct yaml_node *map, const char *key, char **ret_text, struct error *err)
{
        const char *text;

        if (!get_text(map, key, &text, err))
                return false;
        *ret_text = memory_copy_text(text);
        return true;
}

/* `list`: {name: NAME, KIND: {...}}. NULL: no file has it. */
static const struct yaml_node *find_named(const struct files *files, const char *list, const char *kind,
                                          const char *name)
{
        for (size_t i = 0; i < files->count; i++) {
                const struct yaml_node *root = yaml_root(files->documents[i]);
                const struct yaml_node *all = root->kind == YAML_MAP ? yaml_get(root, list) : NULL;

                for (size_t j = 0; all && all->kind == YAML_LIST && j < all->count; j++) {
                        const struct yaml_node *item = all->items[j];
                        const struct yaml_node *named =
                                item->kind == YAML_MAP ? yaml_get(item, "name") : NULL;
                        const struct yaml_node *found = named ? yaml_get(item, kind) : NULL;

                        if (found && found->kind == YAML_MAP && named->kind == YAML_SCALAR &&
                            strcmp(named->scalar, name) == 0)
                                return found;
                }
        }
        return NULL;
}

static const char *current_context(const struct files *files)
{
        struct error ignored = ERROR_INIT;
        const char *name = NULL;

        for (size_t i = 0; i < files->count && !name; i++) {
                const struct yaml_node *root = yaml_root(files->documents[i]);

                if (root->kind == YAML_MAP)
                        (void)get_text(root, "current-context", &name, &ignored);
        }
        return name;
}

/* A path in a kubeconfig starts from its file's folder. */
static bool get_path(const struct yaml_node *map, const char *key, char **ret_path, struct error *err)
{
        const char *path, *slash;

        if (!get_text(map, key, &path, err))
                return false;
        if (!path)
                return true;
        slash = strrchr(map->source, '/');
        if (path[0] == '/' || !slash)
                *ret_path = memory_copy_text(path);
        else
                *ret_path = memory_format("%.*s/%s", (int)(slash - map->source), map->source, path);
        return true;
}

/* PEM text out of KEY-data. */
static bool get_inline(const struct yaml_node *map, const char *key, char **ret_pem, struct error *err)
{
        const char *encoded;

        if (!get_text(map, key, &encoded, err))
                return false;
        if (!encoded)
                return true;
        *ret_pem = memory_new(strlen(encoded) + 1, 1);
        if (base64_decode(encoded, *ret_pem) && strstr(*ret_pem, "-----BEGIN "))
                return true;
        return yaml_error(yaml_get(map, key), err, "expected a PEM text in Base64");
}

/* Into memory for secrets, and out of the document. */
static bool get_key(const struct yaml_node *map, char **ret_pem, struct error *err)
{
        static const char key[] = "client-key-data";
        const struct yaml_node *node = yaml_get(map, key);
        autofree char *pem = NULL;

        secret_protect_process();
        if (!get_inline(map, key, &pem, err))
                return false;
        if (!pem)
                return true;
        *ret_pem = secret_memory_new(strlen(pem) + 1);
        memcpy(*ret_pem, pem, strlen(pem));
        explicit_bzero(pem, strlen(pem));
        explicit_bzero(node->scalar, strlen(node->scalar));
        return true;
}

static bool get_token(const struct yaml_node *map, struct secret **ret_token, struct error *err)
{
        const char *text;

        if (!get_text(map, "token", &text, err))
                return false;
        if (!text)
                return true;
        *ret_token = secret_new_in_memory("token of the kubeconfig");
        if (!secret_replace(*ret_token, text, err))
                return false;
        explicit_bzero(yaml_get(map, "token")->scalar, strlen(text));
        return true;
}

/* ---- a kubeconfig ---- */

static bool refuse_keys(const struct yaml_node *map, const char *const *keys, const char *words,
                        struct error *err)
{
        for (; *keys; keys++) {
                const struct yaml_node *node = yaml_get(map, *keys);

                if (node && !node->null && !(node->kind == YAML_SCALAR && strcmp(node->scalar, "false") == 0))
                        return yaml_error(node, err, "%s", words);
        }
        return true;
}

static bool take_cluster(struct kube_config *config, const struct yaml_node *cluster, struct error *err)
{
        static const char *const blind[] = {"insecure-skip-tls-verify", NULL};

        if (!refuse_keys(cluster, blind,
                         "a server is not trusted without a look at its certificate; expected its authority "
                         "in certificate-authority",
                         err) ||
            !copy_text(cluster, "server", &config->server, err) ||
            !get_path(cluster, "certificate-authority", &config->ca_file, err) ||
            !get_inline(cluster, "certificate-authority-data", &config->ca_pem, err) ||
            !copy_text(cluster, "tls-server-name", &config->server_name, err) ||
            !copy_text(cluster, "proxy-url", &config->proxy, err))
                return false;
        return config->server || yaml_error(cluster, err, "has no server");
}

/* ---- plugins ---- */

/* A command with a slash in it is a path that starts from the file's folder. */
static bool get_command(const struct yaml_node *exec, char **ret_command, struct error *err)
{
        const char *command;

        if (!get_text(exec, "command", &command, err))
                return false;
        if (!command)
                return yaml_error(exec, err, "has no command");
        if (strchr(command, '/'))
                return get_path(exec, "command", ret_command, err);
        *ret_command = memory_copy_text(command);
        return true;
}

static bool get_arguments(const struct yaml_node *exec, struct kube_plugin *plugin, struct error *err)
{
        const struct yaml_node *list = yaml_get(exec, "args");
        size_t count = list && !list->null ? list->count : 0;

        if (list && !list->null && list->kind != YAML_LIST)
                return yaml_error(list, err, "expected a list of texts");
        plugin->arguments = memory_new(count + 2, sizeof *plugin->arguments);
        if (!get_command(exec, &plugin->arguments[0], err))
                return false;
        for (size_t i = 0; i < count; i++) {
                if (list->items[i]->kind != YAML_SCALAR)
                        return yaml_error(list->items[i], err, "expected a text");
                plugin->arguments[i + 1] = memory_copy_text(list->items[i]->scalar);
        }
        return true;
}

/* [{name: NAME, value: TEXT}] */
static bool get_environment(const struct yaml_node *exec, struct kube_plugin *plugin, struct error *err)
{
        const struct yaml_node *list = yaml_get(exec, "env");
        size_t count = list && !list->null ? list->count : 0;

        if (list && !list->null && list->kind != YAML_LIST)
                return yaml_error(list, err, "expected a list of {name, value}");
        plugin->environment = memory_new(count + 1, sizeof *plugin->environment);
        for (size_t i = 0; i < count; i++) {
                const struct yaml_node *item = list->items[i];
                const char *name = NULL, *value = NULL;

                if (item->kind != YAML_MAP)
                        return yaml_error(item, err, "expected {name, value}");
                if (!get_text(item, "name", &name, err) || !get_text(item, "value", &value, err))
                        return false;
                if (!name || strchr(name, '='))
                        return yaml_error(item, err, "expected the name of a variable");
                plugin->environment[i] = memory_format("%s=%s", name, value ? value : "");
        }
        return true;
}

static bool check_plugin(const struct yaml_node *exec, const struct kube_plugin *plugin, struct error *err)
{
        static const char *const told[] = {"provideClusterInfo", NULL};
        const char *mode;

        if (!get_text(exec, "interactiveMode", &mode, err))
                return false;
        if (mode && strcmp(mode, "Always") == 0)
                return yaml_error(yaml_get(exec, "interactiveMode"), err,
                                  "nobody sits at optctl; expected Never or IfAvailable");
        if (!plugin->api_version ||
            (strcmp(plugin->api_version, "client.authentication.k8s.io/v1") != 0 &&
             strcmp(plugin->api_version, "client.authentication.k8s.io/v1beta1") != 0))
                return yaml_error(exec, err,
                                  "expected apiVersion client.authentication.k8s.io/v1 or v1beta1");
        return refuse_keys(exec, told, "plugins are told nothing of the cluster", err);
}

static bool get_plugin(const struct yaml_node *user, struct kube_plugin **ret_plugin, struct error *err)
{
        const struct yaml_node *exec = yaml_get(user, "exec");
        autocall(kube_plugin_free) struct kube_plugin *plugin = NULL;

        if (!exec || exec->null)
                return true;
        if (exec->kind != YAML_MAP)
                return yaml_error(exec, err, "expected a map");
        plugin = memory_new(1, sizeof *plugin);
        if (!get_arguments(exec, plugin, err) || !get_environment(exec, plugin, err) ||
            !copy_text(exec, "installHint", &plugin->install_hint, err) ||
            !copy_text(exec, "apiVersion", &plugin->api_version, err) || !check_plugin(exec, plugin, err))
                return false;
        *ret_plugin = TAKE(plugin);
        return true;
}

/* ---- contexts ---- */

static bool take_user(struct kube_config *config, const struct yaml_node *user, struct error *err)
{
        static const char *const plugins[] = {"auth-provider", NULL};
        static const char *const passwords[] = {"username", "password", NULL};
        static const char *const others[] = {"as", "as-uid", "as-groups", "as-user-extra", NULL};

        return refuse_keys(user, plugins,
                           "such plugins are no more; expected exec, a token, a tokenFile or a client "
                           "certificate",
                           err) &&
               refuse_keys(user, passwords, "API servers take no passwords any more; expected a token",
                           err) &&
               refuse_keys(user, others, "optctl acts for nobody but itself", err) &&
               get_path(user, "client-certificate", &config->certificate_file, err) &&
               get_inline(user, "client-certificate-data", &config->certificate_pem, err) &&
               get_path(user, "client-key", &config->key_file, err) && get_key(user, &config->key_pem, err) &&
               get_path(user, "tokenFile", &config->token_file, err) &&
               get_token(user, &config->token, err) && get_plugin(user, &config->plugin, err);
}

/* Inline text goes before a file; a certificate and its key come from the same kind of place. */
static bool settle(struct kube_config *config, const struct yaml_node *user, struct error *err)
{
        bool certificate = config->certificate_file || config->certificate_pem;
        bool key = config->key_file || config->key_pem;

        if (certificate != key)
                return yaml_error(user, err,
                                  "a client certificate and its key belong together; expected both or none");
        if (certificate && !config->certificate_pem != !config->key_pem)
                return yaml_error(user, err,
                                  "expected a client certificate and its key both inline or both in files");
        if (config->certificate_pem) {
                free(TAKE(config->certificate_file));
                free(TAKE(config->key_file));
        }
        if (config->ca_pem)
                free(TAKE(config->ca_file));
        if (config->token_file)
                secret_free(TAKE(config->token));
        /* As kubectl does: a token that is there needs no plugin. */
        if (config->token_file || config->token)
                kube_plugin_free(TAKE(config->plugin));
        return true;
}

/* The entry of a context: {cluster: NAME, user: NAME}. */
static bool find_part(const struct files *files, const struct yaml_node *context, const char *kind,
                      const struct yaml_node **ret_part, struct error *err)
{
        autofree char *list = memory_format("%ss", kind);
        const char *name;

        if (!get_text(context, kind, &name, err))
                return false;
        if (!name)
                return yaml_error(context, err, "the context names no %s", kind);
        *ret_part = find_named(files, list, kind, name);
        return *ret_part || yaml_error(yaml_get(context, kind), err, "there is no %s \"%.200s\"", kind, name);
}

static bool take_context(struct kube_config *config, const struct files *files,
                         const struct yaml_node *context, struct error *err)
{
        const struct yaml_node *cluster, *user;

        if (!find_part(files, context, "cluster", &cluster, err) ||
            !find_part(files, context, "user", &user, err) || !take_cluster(config, cluster, err) ||
            !take_user(config, user, err) || !settle(config, user, err) ||
            !copy_text(context, "namespace", &config->namespace, err))
                return false;
        if (!config->namespace)
                config->namespace = memory_copy_text("default");
        return true;
}

static bool read_context(const struct files *files, const char *paths, const char *name,
                         struct kube_config *config, struct error *err)
{
        const struct yaml_node *context;

        if (!name)
                name = current_context(files);
        if (!name)
                return error_set(err, ERROR_INPUT, NULL,
                                 "kubeconfig %s: has no current-context; expected a context to be named",
                                 paths);
        context = find_named(files, "contexts", "context", name);
        if (!context)
                return error_set(err, ERROR_INPUT, NULL, "kubeconfig %s: there is no context \"%.200s\"",
                                 paths, name);
        config->shown = memory_format("context %.200s of %s", name, paths);
        return take_context(config, files, context, err) || error_wrap(err, "kubeconfig");
}

bool kube_config_read(const char *path, const char *context, struct kube_config **ret_config,
                      struct error *err)
{
        autocall(kube_config_free) struct kube_config *config = memory_new(1, sizeof *config);
        struct files files = {0};
        bool good = files_read(&files, path, err) && read_context(&files, path, context, config, err);

        files_close(&files);
        if (good)
                *ret_config = TAKE(config);
        return good;
}

/* ---- in a pod ---- */

bool kube_config_in_cluster(const char *folder, struct kube_config **ret_config, struct error *err)
{
        autocall(kube_config_free) struct kube_config *config = memory_new(1, sizeof *config);
        const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
        autofree char *path = NULL, *namespace = NULL;
        bool v6 = host && strchr(host, ':');

        if (!folder)
                folder = SERVICE_ACCOUNT;
        if (!host || !*host || !port || !*port)
                return error_set(err, ERROR_INPUT, NULL,
                                 "not in a pod: KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT are not "
                                 "set");
        path = memory_format("%s/namespace", folder);
        if (!text_read_file(path, MAX_NAME_BYTES, &namespace, NULL, err))
                return error_wrap(err, "service account of this pod");
        namespace[strcspn(namespace, " \t\r\n")] = '\0';
        config->server = memory_format("https://%s%s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "", port);
        config->namespace = memory_copy_text(*namespace ? namespace : "default");
        config->shown = memory_copy_text("service account of this pod");
        config->ca_file = memory_format("%s/ca.crt", folder);
        config->token_file = memory_format("%s/token", folder);
        *ret_config = TAKE(config);
        return true;
}

bool kube_config_find(const char *path, const char *context, struct kube_config **ret_config,
                      struct error *err)
{
        const char *home = getenv("HOME");
        autofree char *usual = memory_format("%s/.kube/config", home ? home : "");

        if (!path || !*path)
                path = getenv("KUBECONFIG");
        if (path && *path)
                return kube_config_read(path, context, ret_config, err);
        if (!context && getenv("KUBERNETES_SERVICE_HOST"))
                return kube_config_in_cluster(NULL, ret_config, err);
        if (access(usual, F_OK) != 0)
                return error_set(err, ERROR_INPUT, NULL,
                                 "no kubeconfig: none is named, KUBECONFIG is not set, and there is no %s",
                                 usual);
        return kube_config_read(usual, context, ret_config, err);
}
