# docker build -t nuinfer . ; docker run --rm -v "$PWD/chains:/work/chains" nuinfer fit hese7
FROM python:3.12-slim
COPY . /src
RUN pip install --no-cache-dir "/src[arviz,campaign,compare,export]" && rm -rf /src \
 && useradd --create-home reader && install -d -o reader /work
USER reader
WORKDIR /work
ENV OMP_NUM_THREADS=1
RUN nuinfer predict hese7 >/dev/null
ENTRYPOINT ["nuinfer"]
