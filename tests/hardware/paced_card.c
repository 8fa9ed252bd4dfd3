/* A sound card for tests, as an ALSA plug-in: it plays in real time, as no device of ALSA's own does without hardware,
 * and writes down when each sound begins: "loud <CLOCK_MONOTONIC ns>". */
#include <alsa/asoundlib.h>
#include <alsa/pcm_external.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#define LOUD 200 /* -44 dBFS */

struct paced {
    snd_pcm_ioplug_t io;
    FILE *log;
    int64_t start_ns;
    uint64_t taken;
    int is_running, is_loud;
};

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint64_t played(const struct paced *p)
{
    return p->is_running ? (uint64_t)((now_ns() - p->start_ns) * (double)p->io.rate / 1e9) : 0;
}

static int on_start(snd_pcm_ioplug_t *io)
{
    struct paced *p = io->private_data;
    long half_ns = io->period_size * 1000000000LL / io->rate / 2;
    struct itimerspec every = {{0, half_ns}, {0, half_ns}};
    p->start_ns = now_ns();
    p->is_running = 1;
    return timerfd_settime(io->poll_fd, 0, &every, NULL);
}

static int on_stop(snd_pcm_ioplug_t *io)
{
    ((struct paced *)io->private_data)->is_running = 0;
    return 0;
}

static int on_prepare(snd_pcm_ioplug_t *io)
{
    struct paced *p = io->private_data;
    p->taken = 0;
    p->is_running = p->is_loud = 0;
    return 0;
}

static snd_pcm_sframes_t on_pointer(snd_pcm_ioplug_t *io)
{
    struct paced *p = io->private_data;
    uint64_t at = played(p);
    if (at > p->taken && io->state == SND_PCM_STATE_RUNNING)
        return -EPIPE;
    return (at < p->taken ? at : p->taken) % io->buffer_size;
}

static int on_delay(snd_pcm_ioplug_t *io, snd_pcm_sframes_t *delay)
{
    struct paced *p = io->private_data;
    uint64_t at = played(p);
    *delay = at < p->taken ? p->taken - at : 0;
    return 0;
}

static snd_pcm_sframes_t on_transfer(snd_pcm_ioplug_t *io, const snd_pcm_channel_area_t *area,
                                     snd_pcm_uframes_t offset, snd_pcm_uframes_t size)
{
    struct paced *p = io->private_data;
    const int16_t *first = (const int16_t *)((char *)area->addr + (area->first + area->step * offset) / 8);
    for (snd_pcm_uframes_t i = 0; i < size && !p->is_loud; i++)
        if (abs(first[i * area->step / 16]) > LOUD) {
            int64_t base_ns = p->is_running ? p->start_ns : now_ns();
            p->is_loud = 1;
            fprintf(p->log, "loud %lld\n", (long long)(base_ns + (int64_t)((p->taken + i) * 1e9 / io->rate)));
            fflush(p->log);
        }
    p->taken += size;
    return size;
}

static int on_revents(snd_pcm_ioplug_t *io, struct pollfd *fds, unsigned int count, unsigned short *revents)
{
    uint64_t ticks;
    snd_pcm_sframes_t room;
    (void)count;
    if ((fds[0].revents & POLLIN) && read(fds[0].fd, &ticks, sizeof ticks) < 0)
        return -errno;
    room = snd_pcm_avail_update(io->pcm);
    *revents = room < 0 || (snd_pcm_uframes_t)room >= io->period_size ? POLLOUT : 0;
    return 0;
}

static int on_close(snd_pcm_ioplug_t *io)
{
    struct paced *p = io->private_data;
    fclose(p->log);
    close(io->poll_fd);
    free(p);
    return 0;
}

static const snd_pcm_ioplug_callback_t callbacks = {
    .start = on_start, .stop = on_stop, .pointer = on_pointer, .transfer = on_transfer,
    .close = on_close, .prepare = on_prepare, .delay = on_delay, .poll_revents = on_revents,
};

SND_PCM_PLUGIN_DEFINE_FUNC(paced)
{
    const char *log = "/dev/null";
    unsigned int format = SND_PCM_FORMAT_S16_LE;
    snd_config_iterator_t at, next;
    struct paced *p;
    int error;
    (void)root;
    snd_config_for_each(at, next, conf) {
        snd_config_t *entry = snd_config_iterator_entry(at);
        const char *id;
        if (snd_config_get_id(entry, &id) == 0 && strcmp(id, "log") == 0)
            snd_config_get_string(entry, &log);
    }
    if (!(p = calloc(1, sizeof *p)))
        return -ENOMEM;
    if (!(p->log = fopen(log, "a"))) {
        free(p);
        return -EINVAL;
    }
    p->io.version = SND_PCM_IOPLUG_VERSION;
    p->io.name = "paced";
    p->io.callback = &callbacks;
    p->io.private_data = p;
    p->io.poll_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    p->io.poll_events = POLLIN;
    if ((error = snd_pcm_ioplug_create(&p->io, name, stream, mode)) < 0) {
        free(p);
        return error;
    }
    snd_pcm_ioplug_set_param_list(&p->io, SND_PCM_IOPLUG_HW_FORMAT, 1, &format);
    snd_pcm_ioplug_set_param_minmax(&p->io, SND_PCM_IOPLUG_HW_CHANNELS, 1, 2);
    snd_pcm_ioplug_set_param_minmax(&p->io, SND_PCM_IOPLUG_HW_RATE, 48000, 48000);
    snd_pcm_ioplug_set_param_minmax(&p->io, SND_PCM_IOPLUG_HW_PERIOD_BYTES, 128, 96000);
    snd_pcm_ioplug_set_param_minmax(&p->io, SND_PCM_IOPLUG_HW_PERIODS, 2, 1024);
    snd_pcm_ioplug_set_param_minmax(&p->io, SND_PCM_IOPLUG_HW_BUFFER_BYTES, 1024, 192000);
    *pcmp = p->io.pcm;
    return 0;
}
SND_PCM_PLUGIN_SYMBOL(paced);
