/** Keeps runs in this browser, before anything of them is sent: a reload finds them, with their request ids. */

import type { Item, Run } from "./model.js";

const NAME = "payment-actions-console";
const VERSION = 1;

/** An item as it is kept, under its run. */
type Kept = Item & { readonly run: string };

export class RunStore {
  readonly #name: string;
  #opened: Promise<IDBDatabase> | undefined;

  constructor(name: string = NAME) {
    this.#name = name;
  }

  /** Opened when it is first asked for: a browser that may keep nothing has no runs, and everything else. */
  get #database(): Promise<IDBDatabase> {
    this.#opened ??= opened(this.#name);
    return this.#opened;
  }

  /** Keeps a new run. When this returns, it is on disk, as far as a browser tells. */
  async add(run: Run, items: readonly Item[]): Promise<void> {
    await this.#write((runs, kept) => {
      runs.put(run);
      for (const item of items) kept.put({ ...item, run: run.id });
    });
  }

  async putRun(run: Run): Promise<void> {
    await this.#write((runs) => void runs.put(run));
  }

  async putItems(run: string, items: readonly Item[]): Promise<void> {
    if (items.length === 0) return;
    await this.#write((_, kept) => {
      for (const item of items) kept.put({ ...item, run });
    });
  }

  /** The run with its items, in their order; null: this browser has none of that id. */
  async get(id: string): Promise<{ readonly run: Run; readonly items: Item[] } | null> {
    const transaction = (await this.#database).transaction(["runs", "items"]);
    const [run, kept] = await Promise.all([
      result<Run | undefined>(transaction.objectStore("runs").get(id)),
      result<Kept[]>(transaction.objectStore("items").getAll(itemsOf(id))),
    ]);
    return run === undefined ? null : { run, items: kept };
  }

  /** The newest first. */
  async list(): Promise<Run[]> {
    const transaction = (await this.#database).transaction("runs");
    const runs = await result<Run[]>(transaction.objectStore("runs").getAll());
    return runs.sort((one, other) => other.createTime - one.createTime);
  }

  async delete(id: string): Promise<void> {
    await this.#write((runs, kept) => {
      runs.delete(id);
      kept.delete(itemsOf(id));
    });
  }

  async #write(change: (runs: IDBObjectStore, items: IDBObjectStore) => void): Promise<void> {
    const database = await this.#database;
    const transaction = database.transaction(["runs", "items"], "readwrite", { durability: "strict" });
    change(transaction.objectStore("runs"), transaction.objectStore("items"));
    await ended(transaction);
  }
}

function itemsOf(run: string): IDBKeyRange {
  return IDBKeyRange.bound([run, 0], [run, Number.MAX_SAFE_INTEGER]);
}

async function opened(name: string): Promise<IDBDatabase> {
  const request = indexedDB.open(name, VERSION);
  request.onupgradeneeded = () => {
    request.result.createObjectStore("runs", { keyPath: "id" });
    request.result.createObjectStore("items", { keyPath: ["run", "index"] });
  };
  return result(request);
}

function result<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function ended(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}
