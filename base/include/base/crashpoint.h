/*
 * Crash points: named places at which a test kills the process, to show that what is on disk then suffices.
 *
 * CRASHPOINT("room.step") costs nothing unless the build has STRONGROOM_CRASHPOINTS (Debug builds; never a release).
 * There the environment variable STRONGROOM_CRASHPOINT=<name>:<n> ends the process by SIGKILL at the n-th hit (from 1)
 * of the point so named; the name `*` counts the hits of all points, so that a test can loop over every one without
 * knowing their names. A value of another form aborts at the first point that is reached: a test must not pass because
 * of a typing mistake.
 */
#ifndef STRONGROOM_BASE_CRASHPOINT_H
#define STRONGROOM_BASE_CRASHPOINT_H

#ifdef STRONGROOM_CRASHPOINTS
#define CRASHPOINT(name) crashpoint_hit(name)

/* Counts a hit of `name` and does not return when it is the one to crash at. Any thread. */
void crashpoint_hit(const char *name);
#else
#define CRASHPOINT(name) ((void)0)
#endif

#endif
