using System.Net.Sockets;
using System.Runtime.CompilerServices;
using Vae.Data;
using Vae.Data.Safetensors;
using Vae.Runtime.Actors;
using Vae.Runtime.Remoting;
using Vae.Runtime.Storage;
using Vae.Torch;

namespace Vae.Cli;

/// <summary>From what went wrong to what the user is told. Looked at only when something did, so that no command pays for loading these types.</summary>
internal static class Faults
{
    private const int NoSpace = 28, QuotaExceeded = 122; // ENOSPC and EDQUOT; .NET keeps errno in the low word of the result.

    /// <summary>Null for a defect of this program: that one is allowed to show where it happened.</summary>
    public static CliException? Explain(Exception exception) => exception switch
    {
        CliException told => told,
        DatasetException or SafetensorsException => new(ExitCode.InvalidInput, exception.Message),
        HandshakeException refused => Explain(refused),
        ListenException => new(ExitCode.Failed, exception.Message),
        UserFitException when IsUnreachable(exception) => new(ExitCode.NotReachable, exception.Message),
        StoreException { Fault: StoreFault.Refused } => new(ExitCode.Authentication, exception.Message),
        StoreException { Fault: StoreFault.Unreachable } => new(ExitCode.NotReachable, exception.Message),
        UserFitException or StoreException or StaleTermException or TorchUnavailableException => new(ExitCode.Failed, exception.Message),
        TorchException failed => new(ExitCode.Failed, failed.Message, failed.IsOutOfMemory ? "Use a smaller batch or model, or a device with more memory." : null),
        IOException full when (full.HResult & 0xFFFF) is NoSpace or QuotaExceeded =>
            new(ExitCode.Failed, full.Message, "The disk is full: free some space, or choose another folder with --home."),
        UnauthorizedAccessException => new(ExitCode.Failed, exception.Message, "Choose a folder that this user may write, for example with --home."),
        SocketException or HttpRequestException => new(ExitCode.NotReachable, exception.Message),
        IOException => new(ExitCode.Failed, exception.Message),
        AggregateException { InnerExceptions: [var only] } => Explain(only),
        _ => null,
    };

    private static CliException Explain(HandshakeException refused) => refused.Rule switch
    {
        HandshakeRule.WrongToken or HandshakeRule.WrongCluster => new(ExitCode.Authentication, refused.Message),
        HandshakeRule.NotOurProtocol or HandshakeRule.Deadline or HandshakeRule.Crowded or HandshakeRule.HungUp => new(ExitCode.NotReachable, refused.Message),
        _ => new(ExitCode.Failed, refused.Message),
    };

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool IsUnreachable(Exception exception)
    {
        for (var inner = exception.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (inner is SocketException or HttpRequestException or TimeoutException) return true;
        }

        return false;
    }
}
