using Microsoft.Extensions.Logging;
using Vae.Shared.Actors;

namespace Vae.Runtime.Actors;

/// <summary>Messages that reached nobody: counted always, logged at most once a second so that a lost node does not flood the log.</summary>
internal sealed partial class DeadLetters(ILogger logger, TimeProvider time)
{
    private static readonly TimeSpan LogEvery = TimeSpan.FromSeconds(1);

    private long _count;
    private long _unlogged;
    private long _loggedAt = time.GetTimestamp() - (long)(LogEvery.TotalSeconds * time.TimestampFrequency);

    public long Count => Volatile.Read(ref _count);

    public void Add(ActorId sender, ActorId target, Message message, string reason)
    {
        Interlocked.Increment(ref _count);
        var unlogged = Interlocked.Increment(ref _unlogged);
        var last = Volatile.Read(ref _loggedAt);
        var now = time.GetTimestamp();
        if (time.GetElapsedTime(last, now) < LogEvery || Interlocked.CompareExchange(ref _loggedAt, now, last) != last) return;

        Interlocked.Add(ref _unlogged, -unlogged);
        LogDeadLetter(logger, MessageTrace.TypeName(message.GetType()), sender, target, reason, unlogged - 1);
    }

    [LoggerMessage(EventId = 2101, Level = LogLevel.Debug, Message = "Dead letter {Message} from {Sender} to {Target}: {Reason} ({Others} more since the last line)")]
    private static partial void LogDeadLetter(ILogger logger, string message, ActorId sender, ActorId target, string reason, long others);
}
