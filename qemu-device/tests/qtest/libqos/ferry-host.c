/*
 * Ferry DMA controller: its ports and their other side, for its qtests
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 */
#include "qemu/osdep.h"
#include <sys/socket.h>
#include <sys/un.h>
#include "ferry.h"

typedef struct FerryHostCase {
    FerryHostTest *test;
    FerryEngine engine;
} FerryHostCase;

void ferry_stream_start(FerryStream *st, FerryDev *dev, unsigned int port)
{
    uint32_t channels;

    st->dev = dev;
    st->port = port;
    channels = ferry_stream_read(st, FERRY_PORT_CHANNELS);
    ferry_queue_start_bypass(&st->tx, dev, channels & 0xff);
    ferry_queue_start_bypass(&st->rx, dev, channels >> 8 & 0xff);
}

uint32_t ferry_stream_read(FerryStream *st, uint32_t reg)
{
    return ferry_read(st->dev, FERRY_PORT(st->port) + reg);
}

uint64_t ferry_stream_read64(FerryStream *st, uint32_t reg_lo)
{
    return ferry_read64(st->dev, FERRY_PORT(st->port) + reg_lo);
}

void ferry_stream_write(FerryStream *st, uint32_t reg, uint32_t value)
{
    ferry_write(st->dev, FERRY_PORT(st->port) + reg, value);
}

void ferry_stream_send(FerryStream *st, uint64_t src, uint32_t len,
                       uint8_t flags)
{
    ferry_queue_add_flags(&st->tx, FERRY_OP_SEND, flags, len, src, 0, 0);
    ferry_queue_ring(&st->tx);
}

void ferry_stream_recv(FerryStream *st, uint64_t dst, uint32_t len)
{
    ferry_queue_add(&st->rx, FERRY_OP_RECV, len, 0, dst, 0);
    ferry_queue_ring(&st->rx);
}

void ferry_stream_wait_status(FerryStream *st, uint32_t mask, uint32_t value)
{
    uint64_t spent = 0;

    while ((ferry_stream_read(st, FERRY_PORT_STATUS) & mask) != value) {
        ferry_poll(st->dev, &spent);
    }
}

void ferry_stream_wait_level(FerryStream *st, uint32_t reg, uint32_t level)
{
    uint64_t spent = 0;

    while (ferry_stream_read(st, reg) != level) {
        ferry_poll(st->dev, &spent);
    }
}

/*
 * In loopback: all that was sent is with the RECV that waits for more. That it
 * waits tells little by itself, as it may have done so before.
 */
void ferry_stream_wait_taken(FerryStream *st)
{
    while (st->tx.head != st->tx.tail) {
        g_assert_cmpuint(ferry_queue_reap(&st->tx).status, ==, FERRY_OK);
    }
    ferry_stream_wait_level(st, FERRY_PORT_RX_LEVEL, 0);
    ferry_queue_wait_stalled(&st->rx);
}

/* RECVs of up to @most bytes, until exactly this much has come */
void ferry_stream_drain(FerryStream *st, uint64_t dst, uint32_t len,
                        uint32_t most)
{
    while (len) {
        FerryCqe cqe;

        ferry_stream_recv(st, dst, MIN(len, most));
        cqe = ferry_queue_reap(&st->rx);
        g_assert_cmpuint(cqe.status, ==, FERRY_OK);
        g_assert_cmphex(cqe.flags & ~FERRY_CQE_IDLE, ==, 0);
        g_assert_cmpuint(cqe.len, >, 0);
        dst += cqe.len;
        len -= cqe.len;
    }
}

void ferry_stream_assert_hup(FerryStream *st, uint64_t dst)
{
    ferry_stream_recv(st, dst, 4096);
    ferry_assert_cqe(ferry_queue_reap(&st->rx), FERRY_OK, 0, 0, FERRY_CQE_HUP);
}

/* A name in a directory of its own, with room for a suffix */
char *ferry_host_path(void)
{
    g_autofree char *dir = g_dir_make_tmp("ferry-XXXXXX", NULL);

    g_assert_nonnull(dir);
    return g_strdup_printf("%s/p", dir);
}

/* Frees it, too. */
void ferry_host_unlink(char *path)
{
    g_autofree char *dir = g_path_get_dirname(path);

    unlink(path);
    g_assert_cmpint(rmdir(dir), ==, 0);
    g_free(path);
}

static int ferry_host_socket(const char *path, struct sockaddr_un *addr)
{
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    g_assert_cmpint(fd, >=, 0);
    *addr = (struct sockaddr_un) { .sun_family = AF_UNIX };
    g_strlcpy(addr->sun_path, path, sizeof(addr->sun_path));
    return fd;
}

static int ferry_host_nonblocking(int fd)
{
    g_assert_cmpint(fd, >=, 0);
    g_assert_true(g_unix_set_fd_nonblocking(fd, true, NULL));
    return fd;
}

int ferry_host_connect(const char *path)
{
    struct sockaddr_un addr;
    int fd = ferry_host_socket(path, &addr);

    g_assert_cmpint(connect(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    return ferry_host_nonblocking(fd);
}

int ferry_host_listen(const char *path)
{
    struct sockaddr_un addr;
    int fd = ferry_host_socket(path, &addr);

    g_assert_cmpint(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), ==, 0);
    g_assert_cmpint(listen(fd, 1), ==, 0);
    return ferry_host_nonblocking(fd);
}

int ferry_host_accept(FerryDev *dev, int listener)
{
    uint64_t spent = 0;
    int fd;

    while ((fd = accept(listener, NULL, NULL)) < 0) {
        ferry_poll(dev, &spent);
    }
    return ferry_host_nonblocking(fd);
}

size_t ferry_host_try_put(int fd, const void *data, size_t len)
{
    ssize_t ret = write(fd, data, len);

    g_assert_true(ret >= 0 || errno == EAGAIN);
    return MAX(ret, 0);
}

size_t ferry_host_try_get(int fd, void *data, size_t len)
{
    ssize_t ret = read(fd, data, len);

    g_assert_true(ret >= 0 || errno == EAGAIN);
    return MAX(ret, 0);
}

void ferry_host_put(FerryDev *dev, int fd, const void *data, size_t len)
{
    uint64_t spent = 0;

    while (len) {
        size_t n = ferry_host_try_put(fd, data, len);

        data += n;
        len -= n;
        if (n) {
            spent = 0;
        }
        ferry_poll(dev, &spent);
    }
}

void ferry_host_get(FerryDev *dev, int fd, void *data, size_t len)
{
    uint64_t spent = 0;

    while (len) {
        size_t n = ferry_host_try_get(fd, data, len);

        data += n;
        len -= n;
        if (n) {
            spent = 0;
        } else {
            ferry_poll(dev, &spent);
        }
    }
}

/* A machine whose port 0 is on this character device */
FerryDev *ferry_host_new(FerryEngine engine, const char *chardev,
                         const char *options)
{
    g_autofree char *machine = g_strdup_printf("-m 128M -chardev %s,id=c0",
                                               chardev);
    g_autofree char *own = g_strdup_printf(",ports=1,port0=c0%s", options);
    FerryDev *dev = ferry_new(engine, machine, own);

    dev->host = true;
    return dev;
}

FerryDev *ferry_host_server(FerryEngine engine, const char *path,
                            const char *options)
{
    g_autofree char *chardev = g_strdup_printf("socket,path=%s,server=on,"
                                               "wait=off", path);

    return ferry_host_new(engine, chardev, options);
}

static void ferry_host_run(const void *opaque)
{
    const FerryHostCase *c = opaque;

    c->test(c->engine);
}

void ferry_host_add(const char *area, const char *name, FerryHostTest *test)
{
    static const char * const engines[] = { "virtual", "iothread" };

    for (FerryEngine e = FERRY_VIRTUAL; e <= FERRY_IOTHREAD; e++) {
        g_autofree char *path = g_strdup_printf("ferry/%s/%s/%s", area,
                                                engines[e], name);
        FerryHostCase *c = g_new(FerryHostCase, 1);

        *c = (FerryHostCase) { test, e };
        qtest_add_data_func_full(path, c, ferry_host_run, g_free);
    }
}
