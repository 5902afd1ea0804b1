# syntax=docker/dockerfile:1
# SPDX-License-Identifier: GPL-3.0-or-later
# docker build -t optctl . : the program and the libraries it loads, nothing else. `make image` makes the same without Docker.
FROM debian:12-slim AS build
WORKDIR /optctl
COPY scripts/deps scripts/deps
RUN scripts/deps build && apt-get install -y --no-install-recommends dpkg-dev file ca-certificates
COPY . .
RUN make package && scripts/image-root build/optctl_*.deb /image && chmod 0755 /image/var/lib/optctl && \
    chown 65532:65532 /image/var/lib/optctl

FROM scratch
LABEL org.opencontainers.image.title=optctl org.opencontainers.image.licenses=GPL-3.0-or-later
COPY --from=build /image /
USER 65532:65532
WORKDIR /var/lib/optctl
ENV PATH=/usr/bin
ENTRYPOINT ["/usr/bin/optctl"]
CMD ["help"]
