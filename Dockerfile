# A node of a Ray cluster that renders, curates and mixes; see docs/scaling.md.
#   docker build -t smallprint .
#   docker build -t smallprint-train --build-arg EXTRAS=ocr,heads,s3,train .
# The driver and all nodes need one Python and one set of versions: constraints.txt fixes the latter.
ARG PYTHON=3.12
FROM python:${PYTHON}-slim-bookworm

ARG EXTRAS=ocr,heads,s3
# One thread a worker: shards are what runs in parallel, and more threads would change the last digits of sums.
ENV OMP_NUM_THREADS=1 \
    OPENBLAS_NUM_THREADS=1 \
    MKL_NUM_THREADS=1 \
    NUMBA_NUM_THREADS=1 \
    RAY_USAGE_STATS_ENABLED=0 \
    PATH=/smallprint/.venv/bin:${PATH}

# A compiler where models are trained: Triton builds a stub with it.
# hadolint ignore=DL3008
RUN case ",${EXTRAS}," in *,train,*) \
        apt-get update \
        && apt-get install --yes --no-install-recommends gcc libc6-dev \
        && rm -rf /var/lib/apt/lists/* ;; \
    esac

RUN useradd --create-home --uid 1000 smallprint \
    && mkdir /smallprint \
    && chown smallprint:smallprint /smallprint
USER 1000
WORKDIR /smallprint

COPY --chown=1000:1000 pyproject.toml constraints.txt README.md LICENSE ./
COPY --chown=1000:1000 fonts ./fonts
COPY --chown=1000:1000 render ./render
COPY --chown=1000:1000 curate ./curate
COPY --chown=1000:1000 pipelines ./pipelines
COPY --chown=1000:1000 train ./train

# Editable, so that the scripts and what they import are the same files on every node.
RUN python -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --constraint constraints.txt --editable ".[${EXTRAS}]"

# The head; a worker is: docker run smallprint ray start --address=HEAD:6379 --block
CMD ["ray", "start", "--head", "--dashboard-host=0.0.0.0", "--block"]
