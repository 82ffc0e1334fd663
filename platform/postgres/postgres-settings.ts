import { totalmem } from "node:os";

/** The settings of the embedded server that differ from PostgreSQL's own, each with its reason. */
export function embeddedSettings(socketFolder: string, memoryBytes = totalmem()): Record<string, string> {
  const memoryMb = Math.floor(memoryBytes / 2 ** 20);
  return {
    // Only for this account on this machine: no TCP port to collide with or to protect.
    listen_addresses: "",
    unix_socket_directories: `"${socketFolder.replaceAll('"', '""')}"`,
    unix_socket_permissions: "0700",
    // An acknowledged write survives a power cut, whatever postgresql.conf says.
    fsync: "on",
    synchronous_commit: "on",
    full_page_writes: "on",
    // On macOS the default stops at the drive's cache.
    ...(process.platform === "darwin" ? { wal_sync_method: "fsync_writethrough" } : {}),
    // Every module of the process has its own pool.
    max_connections: "200",
    // A sixteenth of the memory: the rest belongs to the media pipeline and the system's own cache.
    shared_buffers: `${Math.min(512, Math.max(128, Math.floor(memoryMb / 16)))}MB`,
    effective_cache_size: `${Math.max(256, Math.floor(memoryMb / 2))}MB`,
    // Batched writes make WAL fast: fewer forced checkpoints, and segments that are recycled instead of created.
    max_wal_size: "2GB",
    min_wal_size: "256MB",
    // A module can be moved into another database while everything runs; what such a move may keep of the WAL is bounded.
    wal_level: "logical",
    max_slot_wal_keep_size: "8GB",
    // Our queries last milliseconds; compiling one costs more than it saves.
    jit: "off",
    // One query must not take the cores that the other requests wait for.
    max_parallel_workers_per_gather: "0",
    // Nor may a container's 64 MB of /dev/shm, which parallel workers share.
    max_parallel_maintenance_workers: "0",
    // Laptops have SSDs; the default models a spinning disk and shuns indexes.
    random_page_cost: "1.1",
    // The same everywhere, whatever the machine's locale is.
    timezone: "UTC",
    log_timezone: "UTC",
    // The caller sees and logs its own errors; personal data do not belong in this log.
    log_error_verbosity: "terse",
    log_min_error_statement: "panic",
    log_line_prefix: "%m [%p] ",
  };
}

/** The settings as arguments of `postgres`. */
export function settingsAsArguments(settings: Record<string, string>): string[] {
  return Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}
