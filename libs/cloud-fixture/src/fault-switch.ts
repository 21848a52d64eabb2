/** What a server does instead of answering as it should. */
export type Fault =
  /** Answers after a minute. */
  | 'slow'
  /** As one whose policy does not allow it. */
  | 'denied'
  /** 500. */
  | 'error'
  /** 429 or its like. */
  | 'throttled'
  /** Closes the connection in the middle of the answer. */
  | 'drop'
  /** A page of some proxy, with status 200. */
  | 'garbage';

/** Tells a server how to fail, and for how many requests. */
export class FaultSwitch {
  private fault: Fault | undefined;
  private left = 0;
  /** Requests that came since the last {@link FaultSwitch.set}. */
  requests = 0;

  set(fault: Fault | undefined, times = Number.POSITIVE_INFINITY): void {
    this.fault = fault;
    this.left = times;
    this.requests = 0;
  }

  take(): Fault | undefined {
    this.requests += 1;
    if (this.left <= 0) return undefined;
    this.left -= 1;
    return this.fault;
  }
}
