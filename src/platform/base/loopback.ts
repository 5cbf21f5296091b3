/** Returns whether a host name or address, also the host of a URL, is this machine's loopback interface. */
export const isLoopback = (host: string): boolean =>
  ['localhost', '::1', '[::1]'].includes(host) || /^127(\.\d{1,3}){3}$/.test(host)
