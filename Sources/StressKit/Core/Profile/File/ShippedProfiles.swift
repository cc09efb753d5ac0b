// SPDX-License-Identifier: Apache-2.0

/// A profile of `profiles/`, as it was when this program was built.
package struct ShippedProfile: Sendable {
  package var name: String
  /// The file's.
  package var bytes: [UInt8]

  package static let all: [ShippedProfile] = [
    .init(name: "anon-file-mix", bytes: PackageResources.anon_file_mix_yaml),
    .init(name: "backup-high", bytes: PackageResources.backup_high_yaml),
    .init(name: "btrfs-csum-readers", bytes: PackageResources.btrfs_csum_readers_yaml),
    .init(name: "clean-cache", bytes: PackageResources.clean_cache_yaml),
    .init(name: "dirty-neighbours", bytes: PackageResources.dirty_neighbours_yaml),
    .init(name: "dm-delay", bytes: PackageResources.dm_delay_yaml),
    .init(name: "flusher-dependence", bytes: PackageResources.flusher_dependence_yaml),
    .init(name: "foreign-dirty", bytes: PackageResources.foreign_dirty_yaml),
    .init(name: "fsync-storm", bytes: PackageResources.fsync_storm_yaml),
    .init(name: "high-crawl", bytes: PackageResources.high_crawl_yaml),
    .init(name: "low-thrash", bytes: PackageResources.low_thrash_yaml),
    .init(name: "memcg-dirty", bytes: PackageResources.memcg_dirty_yaml),
    .init(name: "mglru-dirty", bytes: PackageResources.mglru_dirty_yaml),
    .init(name: "migration", bytes: PackageResources.migration_yaml),
    .init(name: "mmap-random-delay", bytes: PackageResources.mmap_random_delay_yaml),
    .init(name: "nfs-dirty", bytes: PackageResources.nfs_dirty_yaml),
    .init(name: "noisy-neighbour", bytes: PackageResources.noisy_neighbour_yaml),
    .init(name: "noprogress", bytes: PackageResources.noprogress_yaml),
    .init(name: "oracle-backup", bytes: PackageResources.oracle_backup_yaml),
    .init(name: "postgres-backup", bytes: PackageResources.postgres_backup_yaml),
    .init(name: "qemu-img-600m", bytes: PackageResources.qemu_img_600m_yaml),
    .init(name: "reclaim-cpu", bytes: PackageResources.reclaim_cpu_yaml),
    .init(name: "remedies", bytes: PackageResources.remedies_yaml),
    .init(name: "shmem-swap", bytes: PackageResources.shmem_swap_yaml),
    .init(name: "shrinking-max", bytes: PackageResources.shrinking_max_yaml),
    .init(name: "slow-device", bytes: PackageResources.slow_device_yaml),
    .init(name: "small-vm", bytes: PackageResources.small_vm_yaml),
    .init(name: "small-zones", bytes: PackageResources.small_zones_yaml),
    .init(name: "smoke", bytes: PackageResources.smoke_yaml),
    .init(name: "stale-stats", bytes: PackageResources.stale_stats_yaml),
    .init(name: "tar-restore", bytes: PackageResources.tar_restore_yaml),
    .init(name: "tiny-swap", bytes: PackageResources.tiny_swap_yaml),
    .init(name: "truncate", bytes: PackageResources.truncate_yaml),
    .init(name: "zswap-exit", bytes: PackageResources.zswap_exit_yaml),
  ]
}
