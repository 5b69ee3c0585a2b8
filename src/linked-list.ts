/** What a member of a {@link LinkedList} has for it. A member is in one list at a time. */
export interface Linked<Member> {
  before: Member | undefined;
  after: Member | undefined;
}

/**
 * Keeps members in the order in which they were added, and takes any of them out in constant time. A `Map` or `Set` keeps an order as well,
 * but a search for its first member passes over all that were deleted before it, again each time.
 */
export class LinkedList<Member extends Linked<Member>> {
  first: Member | undefined = undefined;
  size = 0;
  #last: Member | undefined = undefined;

  /** Adds a member at the end. */
  add(member: Member): void {
    member.before = this.#last;
    if (this.#last === undefined) this.first = member;
    else this.#last.after = member;
    this.#last = member;
    this.size++;
  }

  /** Takes out a member that is in this list. */
  remove(member: Member): void {
    const { before, after } = member;
    if (before === undefined) this.first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    // The garbage collector would keep what is gone alive as long as something gone points to it.
    member.before = undefined;
    member.after = undefined;
    this.size--;
  }
}
