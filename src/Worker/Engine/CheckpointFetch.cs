using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Vae.Data.Safetensors;
using Vae.Runtime.Actors;
using Vae.Shared;
using Vae.Shared.Messages;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>A checkpoint cannot be used, now or later: missing, damaged, or of another model. The sweep falls back to the one before.</summary>
internal sealed class CheckpointException(CheckpointRef checkpoint, string fault, Exception inner)
    : UserFitException($"the checkpoint of pack {checkpoint.Pack}, attempt {checkpoint.Attempt.Value}, position {checkpoint.Position} cannot be used: {fault}", inner);

/// <summary>Gets the states that an assignment's trials go on from: each file once, its digest checked, and out of it the trials that are asked for.</summary>
internal sealed partial class CheckpointFetch(EngineParts parts, CancellationToken stopping)
{
    private static readonly TimeSpan RetryMin = TimeSpan.FromSeconds(0.5);
    private static readonly TimeSpan RetryMax = TimeSpan.FromSeconds(8);

    /// <summary>The state of every trial that has one, by its index.</summary>
    /// <exception cref="CheckpointException">One of them cannot be used.</exception>
    public async Task<IReadOnlyDictionary<int, TrialSnapshot>> GetAsync(ValueList<SlotFill> fills)
    {
        var states = new Dictionary<int, TrialSnapshot>();
        foreach (var file in fills.Where(fill => fill.From is not null).GroupBy(fill => fill.From!))
        {
            using var content = Open();
            try
            {
                await FetchAsync(file.Key, content);
                var snapshot = PackSnapshot.Read(new BufferedStream(content, 128 * 1024), Name(file.Key));
                foreach (var fill in file)
                {
                    states[fill.Trial.Index] = snapshot.Find(fill.Trial.Index)
                        ?? throw new SafetensorsException(Name(file.Key), null, $"trial {fill.Trial.Index} is not in it");
                }
            }
            catch (Exception exception) when (exception is SafetensorsException or UserFitException)
            {
                throw new CheckpointException(file.Key, exception is SafetensorsException { Fault: var fault, Tensor: var tensor } ? $"{(tensor is null ? "" : $"tensor `{tensor}`: ")}{fault}" : exception.Message, exception);
            }
        }

        return states;
    }

    /// <summary>Lets the assignment's trials begin, or go on where their states are. On the training thread.</summary>
    /// <exception cref="CheckpointException">A state does not fit its trial.</exception>
    public static void Fill(PackTrainer trainer, ValueList<SlotFill> fills, IReadOnlyDictionary<int, TrialSnapshot> states)
    {
        foreach (var fill in fills)
        {
            if (!states.TryGetValue(fill.Trial.Index, out var state))
            {
                trainer.Fill(fill.Slot, fill.Trial);
                continue;
            }

            try
            {
                trainer.Restore(fill.Slot, fill.Trial, state);
            }
            catch (SafetensorsException misfit)
            {
                throw new CheckpointException(fill.From!, misfit.Tensor is null ? misfit.Fault : $"tensor `{misfit.Tensor}`: {misfit.Fault}", misfit);
            }
        }
    }

    private async Task FetchAsync(CheckpointRef wanted, Stream target)
    {
        for (var pause = RetryMin; ; pause = pause + pause < RetryMax ? pause + pause : RetryMax)
        {
            try
            {
                await parts.Blobs.GetCheckpointAsync(wanted, target, stopping);
                target.Position = 0;
                return;
            }
            catch (Exception exception) when (exception is IOException or SocketException)
            {
                LogAway(parts.Logger, wanted.Pack, exception.Message);
                await Task.Delay(pause, stopping);
            }
        }
    }

    // On disk and not in memory: the pack itself needs that.
    private FileStream Open()
    {
        Directory.CreateDirectory(parts.Scratch);
        return new FileStream(Path.Combine(parts.Scratch, $"{Guid.NewGuid():N}.tmp"), new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Share = FileShare.None, Options = FileOptions.DeleteOnClose | FileOptions.Asynchronous,
        });
    }

    private static string Name(CheckpointRef file) => $"checkpoint {file.Pack} attempt {file.Attempt.Value} position {file.Position}";

    [LoggerMessage(EventId = 3033, Level = LogLevel.Information, Message = "The checkpoint of pack {Pack} did not come and is asked for again: {Reason}")]
    private static partial void LogAway(ILogger logger, PackId pack, string reason);
}
