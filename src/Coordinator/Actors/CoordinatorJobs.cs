using Vae.Shared;
using Vae.Shared.Actors;
using Vae.Shared.Datasets;
using Vae.Shared.Messages;

namespace Vae.Coordinator.Actors;

/// <summary>
/// To the data port: read, check, fingerprint and cut a data set, and serve its shards from now on. Answered by <see cref="DatasetMessage.DatasetPrepared"/>,
/// or by <see cref="DatasetMessage.DatasetUnusable"/> with a text for the user.
/// </summary>
public sealed record PrepareDatasetJob(DatasetSource Source, string BaseDirectory) : Job;

/// <summary>
/// To the store: write these points and marks in one transaction and sync it. Answered by <see cref="MetricsMessage.PointsStored"/> with the same
/// number. Points of one trial, attempt, step and kind are unique. The marks are what <see cref="MetricsActor"/> is constructed from after a restart.
/// </summary>
public sealed record StorePointsJob(long Write, ValueList<MetricPoint> Points, ValueList<PointMark> Marks) : Job;
