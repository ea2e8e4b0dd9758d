/*  How libzmq is built for service-registry: all of its switches, in the file that its own build systems generate. It is
    for Linux, with glibc or musl. */

#ifndef __ZMQ_PLATFORM_HPP_INCLUDED__
#define __ZMQ_PLATFORM_HPP_INCLUDED__

#include <features.h>

#define ZMQ_STATIC
#define ZMQ_HAVE_LINUX
#define ZMQ_HAVE_UIO
#define HAVE_STRNLEN
#if !defined __GLIBC__
#define ZMQ_HAVE_STRLCPY
#elif __GLIBC_PREREQ(2, 38)
#define ZMQ_HAVE_STRLCPY
#endif

/*  I/O threads wait in epoll_wait(2), zmq_poll(3) in poll(2). */
#define ZMQ_IOTHREAD_POLLER_USE_EPOLL
#define ZMQ_POLL_BASED_ON_POLL
#define ZMQ_USE_CV_IMPL_STL11

/*  Threads wake each other by eventfd(2). Without it they write to socket pairs, at three times the cost. */
#define ZMQ_HAVE_EVENTFD
#define ZMQ_HAVE_EVENTFD_CLOEXEC

/*  Timers go by the monotonic clock. Without this they go by gettimeofday(2), and a clock that is set moves them. */
#define HAVE_CLOCK_GETTIME

#endif
