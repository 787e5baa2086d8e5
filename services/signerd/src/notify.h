/*
 * Telling the service manager that the service is ready.
 */
#ifndef STRONGROOM_SIGNERD_NOTIFY_H
#define STRONGROOM_SIGNERD_NOTIFY_H

/*
 * Sends READY=1 to the socket that $NOTIFY_SOCKET names, as sd_notify(3) describes; does nothing without one. A failure
 * is logged: the manager will say the rest.
 */
void notify_ready(void);

#endif
